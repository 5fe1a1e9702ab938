// SPDX-License-Identifier: Apache-2.0
// THE table of all events, in a reader's order. A new event is a line here or in a part of a theme,
// and the table of coordinator/ or client/README.md made anew (a test prints it). Names stay.
#pragma once

#include <algorithm>
#include <array>

#include "common/telemetry/evaluation_events.h"
#include "common/telemetry/events.h"
#include "common/telemetry/privacy_events.h"
#include "common/telemetry/training_events.h"
#include "common/telemetry/trust_events.h"

namespace tributary {
namespace event_table_detail {
inline constexpr auto kDebug = EventLevel::kDebug;
inline constexpr auto kInfo = EventLevel::kInfo;
inline constexpr auto kWarn = EventLevel::kWarn;
inline constexpr auto kError = EventLevel::kError;
inline constexpr auto kBoth = EventSide::kBoth;
inline constexpr auto kHub = EventSide::kCoordinator;
inline constexpr auto kSite = EventSide::kClient;

inline constexpr auto kTable = std::to_array<EventInfo>({
    // --- the coordinator and its links ---
    {"coordinator.started", kInfo, kHub, "software listen state_dir fingerprint kernel_tls",
     "It listens; fingerprint is of its certificate; kernel_tls: the kernel offers to "
     "encrypt"},
    {"coordinator.stopping", kInfo, kHub, "why",
     "A signal asked it to end; running rounds go on after the next start"},
    {"coordinator.stopped", kInfo, kHub, "seconds",
     "It ended in good order, after this long a shutdown"},
    {"state.recovered", kInfo, kHub, "jobs unfinished updates",
     "What an earlier life left was read from state_dir"},
    {"state.stalled", kError, kHub, "detail retry_after_ms",
     "A record could not be made durable; everything waits until it can"},
    {"link.refused", kWarn, kHub, "address reason detail",
     "A peer was turned away before it had a name (TLS, version, limit)"},
    {"site.connected", kInfo, kHub, "site address software datasets",
     "A site is on the link; it may be selected from now on"},
    {"site.disconnected", kInfo, kHub, "site address code detail seconds",
     "Its link ended after this long"},
    {"site.replaced", kWarn, kHub, "site address",
     "The site came on a second link; the older one was closed"},
    {"site.postponed", kDebug, kHub, "site address reason retry_after_ms",
     "It came when no more are let in, because of the named bound of `admission`; it knows its "
     "turn"},
    {"sites.postponed", kWarn, kHub, "sites reason connected waiting retry_after_ms",
     "So many were put off in the last second, for at most this long; waiting: turns to come"},
    {"operator.connected", kDebug, kHub, "operator role address",
     "An operator is on a link; whose name begins with oidc: came with a token"},
    {"operator.refused", kWarn, kHub, "operator address request reason",
     "A request of an operator was turned down"},
    // --- jobs and rounds ---
    {"job.submitted", kInfo, kHub, "job name operator rounds dry_run document",
     "A job is in the queue; document is the digest of its YAML"},
    {"job.started", kInfo, kHub, "job name rounds", "The job left the queue"},
    {"job.waiting", kWarn, kHub,
     "job task dataset have need by missing unfit waited_ms gives_up_after_ms",
     "Too few sites: who is missing, who cannot take part and why, and when the job gives up"},
    {"job.waits_long", kError, kHub,
     "job task dataset have need by missing unfit waited_ms gives_up_after_ms",
     "It still waits, each `alarm_after` once more"},
    {"job.changed", kInfo, kHub, "job operator paused priority deadline_ms quorum rounds",
     "An operator changed a job that is not over; only what was changed"},
    {"job.finished", kInfo, kHub, "job rounds detail best_round " TRIB_FIGURES,
     "All rounds are done; figures of the best"},
    {"job.failed", kError, kHub, "job rounds detail best_round " TRIB_FIGURES,
     "The job ended early; detail says why, rounds how many are kept"},
    {"job.aborted", kWarn, kHub, "job rounds detail best_round " TRIB_FIGURES,
     "An operator ended the job"},
    {"round.started", kInfo, kHub,
     "job round rounds task attempt sites quorum target deadline_ms accepted_before",
     "Tasks go out to the selected sites; accepted_before: a restart interrupted the round, and it "
     "goes on with so many updates"},
    {"client.selected", kInfo, kHub, "job round task site", "One line for each site that is asked"},
    {"task.accepted", kInfo, kHub, "job round attempt task site", "The site took the task"},
    {"task.progress", kDebug, kHub, "job round attempt task site done total",
     "Batches done at the site"},
    {"client.outcome", kInfo, kHub,
     "job round attempt task site reason detail bytes seconds examples loss norm epsilon",
     "How a selected site's part in a round ended; epsilon: what the job has spent of its records"},
    {"update.lost", kWarn, kHub, "job round site detail",
     "The bytes of an accepted update that is in no sum any more are gone; its site, which keeps "
     "them until the round is committed, is asked again"},
    {"update.dropped", kInfo, kHub, "job round attempt site reason detail",
     "An update that was late for its round will not count in a later one either"},
    {"round.committed", kInfo, kHub,
     "job round rounds accepted selected examples norm seconds model model_bytes delta_bytes "
     "epsilon delta clip",
     "The new global model is durable; model is the start of its digest, delta_bytes what sites "
     "that have the last one fetch instead (`download_encoding`); epsilon of whole sites so far"},
    {"round.retried", kWarn, kHub, "job round task attempt attempts reason",
     "The attempt fell short; the round is tried again"},
    {"round.postponed", kInfo, kHub, "job round task attempt reason",
     "The attempt fell short because of sites whose policy is pending; it costs none, and is made "
     "again"},
    {"round.stalled", kWarn, kHub, "job round detail retry_after_ms",
     "The round's sum could not be made or stored; it is tried again, no update is lost"},
    {"round.failed", kError, kHub, "job round task attempt attempts reason",
     "The last attempt fell short; the job fails"},
    {"model.served", kDebug, kHub, "job round operator bytes",
     "An operator fetched a global model"},
    // --- the client and its link ---
    {"client.started", kInfo, kSite, "software site coordinator datasets state_dir results",
     "It runs; results wait for a verdict"},
    {"client.stopping", kInfo, kSite, "why", "A signal asked it to end"},
    {"client.stopped", kInfo, kSite, "seconds",
     "It ended in good order, after this long a shutdown"},
    {"client.connecting", kDebug, kSite, "coordinator", "It dials the coordinator"},
    {"link.connected", kInfo, kSite, "results_to_offer",
     "The link is up and both sides proved who they are"},
    {"link.down", kWarn, kSite, "code error retry_ms",
     "The link ended or could not be made; the next dial follows by itself"},
    {"link.closed", kInfo, kSite, "error", "The link ended because this client ends"},
    {"link.goodbye", kInfo, kSite, "code message retry_after_ms",
     "The coordinator sent the client away for a while"},
    {"link.protocol_error", kError, kSite, "error",
     "The coordinator broke the grammar of the wire; the link is made anew"},
    // --- work at the site ---
    {"task.received", kInfo, kSite, "job round attempt task deadline_ms",
     "The coordinator asks for work"},
    {"task.declined", kWarn, kSite, "job round attempt task waiting",
     "Too many tasks wait here already"},
    {"task.started", kInfo, kSite, "job round attempt task",
     "Its turn; models and files it needs are here"},
    {"task.finished", kInfo, kSite, "job round attempt task",
     "Done; the result is durable and offered"},
    {"task.failed", kWarn, kSite, "job round attempt task reason detail",
     "The site could not do it; the coordinator gets the reason"},
    {"task.dropped", kInfo, kSite, "job round attempt task reason",
     "Ended before its result: cancelled, late or superseded"},
    {"data.loaded", kInfo, kSite,
     "job dataset training_rows validation_rows dropped_rows faulty_rows unknown_words",
     "The local file was read; dropped_rows were incomplete, unknown_words are in no vocabulary"},
    {"data.faulty_record", kWarn, kSite, "dataset detail",
     "A record could not be read and is passed over; faulty_rows of data.loaded counts them all"},
    {"transfer.started", kInfo, kSite, "job trained values fresh",
     "What a job with `transfer` trains: so many tensors with so many values travel; fresh: those "
     "that do not start from its file"},
    {"carried.lost", kWarn, kSite, "job round attempt counted",
     "What the site's last training left for this one is gone; it begins as in the first round"},
    {"result.accepted", kInfo, kSite, "job round attempt task reason detail",
     "The coordinator took the result"},
    {"result.refused", kWarn, kSite, "job round attempt task reason detail",
     "The coordinator did not take the result; the reason is its"},
    {"result.offered_again", kInfo, kSite, "job round attempt task",
     "A kept result is offered instead of doing the task twice"},
    {"result.forgotten", kWarn, kSite, "job round attempt task kept",
     "Too many kept results; the oldest was deleted"},
    {"delta.applied", kDebug, kSite, "digest bytes model_bytes",
     "The model with this digest was made of the last one and what changed, which is all that was "
     "fetched"},
    {"delta.failed", kWarn, kSite, "digest error",
     "The model with this digest could not be made of the last one and what changed; it is fetched "
     "whole"},
    {"blob.failed", kWarn, kSite, "job round attempt task digest error",
     "A model or file of the task could not be fetched"},
    // --- both ---
    {"transfer.resumed", kInfo, kBoth, "site digest offset bytes",
     "A model or update goes on at the byte where an earlier link or process stopped"},
    {"disk.full", kError, kSite, "path detail",
     "A file could not be written; work waits or fails, nothing stored is lost"},
    {"storage.failed", kError, kBoth, "path detail",
     "The operating system refused a read or write that was not about space"},
    {"log.reopened", kInfo, kBoth, "file", "SIGHUP: the log file was opened anew"},
    {"log.lost", kError, kBoth, "lines detail", "Lines that could not be written to the log file"},
});

template <std::size_t... kSizes>
consteval auto joined(const std::array<EventInfo, kSizes>&... parts) {
  std::array<EventInfo, (kSizes + ...)> all{};
  auto next = all.begin();
  ((next = std::ranges::copy(parts, next).out), ...);
  return all;
}
}  // namespace event_table_detail

inline constexpr auto kEvents = event_table_detail::joined(
    event_table_detail::kTable, kTrainingEvents, kEvaluationEvents, kTrustEvents, kPrivacyEvents);

}  // namespace tributary
