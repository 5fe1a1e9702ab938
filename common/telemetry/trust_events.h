// SPDX-License-Identifier: Apache-2.0
// The part of the table of events (event_table.h) about who is let in and what is believed:
// certificates and lists of revoked ones, sites that are kept out, signed jobs, site policies,
// audit logs. A part of a theme is an array of its own, as here, which event_table.h joins.
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
    {"enrolment.invited", EventLevel::kInfo, EventSide::kCoordinator, "site role operator hours",
     "An operator invited a site: whoever has its token may ask for its certificate"},
    {"enrolment.requested", EventLevel::kWarn, EventSide::kCoordinator,
     "site role address fingerprint renewal",
     "A certificate is asked for, for the key with this fingerprint, and waits for an operator: "
     "tributaryctl enroll"},
    {"enrolment.issued", EventLevel::kInfo, EventSide::kCoordinator,
     "site operator fingerprint renewal reason", "An operator had the certificate signed"},
    {"enrolment.denied", EventLevel::kWarn, EventSide::kCoordinator,
     "site operator fingerprint renewal reason",
     "An operator denied the certificate, or withdrew the invitation"},
    {"enrolment.refused", EventLevel::kWarn, EventSide::kCoordinator, "site address reason",
     "A certificate was asked for that this site, guest or key cannot have; one line a second"},
    {"certificate.expiring", EventLevel::kWarn, EventSide::kBoth, "subject days",
     "A certificate ends soon and was not renewed yet: issue a new one, or see why"},
    {"certificate.requested", EventLevel::kInfo, EventSide::kClient, "subject days",
     "Two thirds of the certificate's time are over, so many days are left: the site has made its "
     "next key and asks for its certificate"},
    {"certificate.renewed", EventLevel::kInfo, EventSide::kClient, "subject days",
     "The next certificate has come, and is in its file with its key; good for so many days"},
    {"certificate.not_renewed", EventLevel::kWarn, EventSide::kClient, "detail",
     "A certificate or a list of revoked ones could not be asked for or taken; what is there stays "
     "in force"},
    {"certificates.reloaded", EventLevel::kInfo, EventSide::kBoth,
     "subject fingerprint days crl_hours",
     "SIGHUP, or something was renewed: certificate, key, CA and list of revoked certificates were "
     "read anew and are in "
     "force"},
    {"certificates.kept", EventLevel::kError, EventSide::kBoth, "detail",
     "SIGHUP: the new files cannot be used; those read before stay in force"},
    {"access.reloaded", EventLevel::kInfo, EventSide::kCoordinator, "roles keys",
     "SIGHUP: what operators may do, or the keys of the single sign-on, were read anew, have "
     "changed "
     "and are in force; links that it concerns are closed, to be dialled again"},
    {"access.kept", EventLevel::kError, EventSide::kCoordinator, "detail",
     "SIGHUP: the new roles or keys cannot be used; those read before stay in force"},
    {"config.reloaded", EventLevel::kInfo, EventSide::kBoth, "changed needs_restart",
     "SIGHUP: the daemon's own file was read anew: keys with a new value that is in force, and "
     "those "
     "whose new value waits for a restart"},
    {"config.kept", EventLevel::kError, EventSide::kBoth, "detail",
     "SIGHUP: the daemon's own file has a fault; all of it stays as it was"},
    {"crl.expiring", EventLevel::kWarn, EventSide::kBoth, "file hours",
     "The list of revoked certificates ends soon, and then nobody is let in; put a fresh one "
     "there"},
    {"crl.expired", EventLevel::kError, EventSide::kBoth, "file",
     "The list of revoked certificates has ended: links stay, nobody new is let in"},
    {"audit.disputed", EventLevel::kError, EventSide::kCoordinator, "site kept records",
     "The site keeps a head of this coordinator's audit log over so many records, and the log here "
     "has fewer or others: it was rewritten, or an old state was restored"},
    {"audit.countersigned", EventLevel::kDebug, EventSide::kClient, "records",
     "The coordinator's audit log continues what this site knew of it; the site keeps its head"},
    {"audit.equivocation", EventLevel::kError, EventSide::kClient, "kept records detail",
     "The coordinator's audit log does not continue what this site knew of it: it was rewritten, "
     "or "
     "is not the same for everybody. Nothing is done for it until a person has looked"},
    {"audit.refused", EventLevel::kWarn, EventSide::kClient, "job round attempt task detail",
     "A task that is not done, because of an audit.equivocation before"},
    {"audit.head_refused", EventLevel::kError, EventSide::kClient, "detail",
     "A head of an audit log that this link's coordinator did not sign, or not with a certificate "
     "that counts: the site keeps the head it has and countersigns nothing"},
    {"result.withheld", EventLevel::kWarn, EventSide::kClient,
     "job round attempt task reason detail",
     "A result that does not leave: the policy, a person here or the list of revoked certificates "
     "says no by now"},
    {"job.untrusted", EventLevel::kError, EventSide::kClient, "job detail",
     "The job is not as an operator signed it, or not signed: it does not run here"},
    {"job.pending", EventLevel::kWarn, EventSide::kClient, "job submitter",
     "A person has to let this job run: tributary-client jobs inspect, approve or deny"},
    {"policy.unreadable", EventLevel::kError, EventSide::kClient, "detail",
     "policy.yaml is missing or wrong: no job runs here until it is right again"},
    {"dataset.unreadable", EventLevel::kWarn, EventSide::kClient, "dataset detail",
     "A file that client.yaml names for a dataset cannot be read: a job for it would fail here"},
    {"coordinator.refused", EventLevel::kError, EventSide::kClient, "coordinator detail",
     "policy.coordinators does not name it: the link is ended"},
    {"links.refused", EventLevel::kWarn, EventSide::kCoordinator, "refused dropped last",
     "More in the last second than are told one by one, and those dropped unheard"},
});

}  // namespace tributary
