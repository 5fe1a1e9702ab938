// SPDX-License-Identifier: Apache-2.0
// The part of the table of events (event_table.h) about who is let in: sites that are kept out,
// certificates and lists of revoked ones. A part of a theme is an array of its own, as here, which
// event_table.h joins.
#pragma once

#include <array>

#include "common/telemetry/events.h"

namespace tributary {

inline constexpr auto kTrustEvents = std::to_array<EventInfo>({
    {"site.refused", EventLevel::kWarn, EventSide::kCoordinator, "site address reason",
     "A valid certificate, but the site is not in the list of sites, or an operator keeps it out"},
    {"site.disabled", EventLevel::kWarn, EventSide::kCoordinator, "site operator reason",
     "An operator keeps the site out until it is enabled again"},
    {"site.revoked", EventLevel::kWarn, EventSide::kCoordinator,
     "site operator reason certificates",
     "The same, and so many certificates that it came with are never let in again"},
    {"site.enabled", EventLevel::kInfo, EventSide::kCoordinator, "site operator",
     "An operator lets the site in again"},
    {"certificate.expiring", EventLevel::kWarn, EventSide::kBoth, "subject days",
     "A certificate ends soon; issue a new one"},
    {"certificates.reloaded", EventLevel::kInfo, EventSide::kBoth,
     "subject fingerprint days crl_hours",
     "SIGHUP: certificate, key, CA and list of revoked certificates were read anew and are in "
     "force"},
    {"certificates.kept", EventLevel::kError, EventSide::kBoth, "detail",
     "SIGHUP: the new files cannot be used; those read before stay in force"},
    {"crl.expiring", EventLevel::kWarn, EventSide::kBoth, "file hours",
     "The list of revoked certificates ends soon, and then nobody is let in; put a fresh one "
     "there"},
    {"crl.expired", EventLevel::kError, EventSide::kBoth, "file",
     "The list of revoked certificates has ended: links stay, nobody new is let in"},
});

}  // namespace tributary
