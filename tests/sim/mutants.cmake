# Faults that the simulation must find, each put into the product's own source.
set(round coordinator/round)
set(service coordinator/service)

tributary_mutant(folds_twice ${round}/job_results.cc
  "out.push_back(SaveAccepted{update});"
  "out.push_back(SaveAccepted{update}); out.push_back(AbsorbUpdate{update, weight_max()});")
tributary_mutant(accepts_before_it_is_durable ${round}/job_results.cc
  "out.push_back(SaveAccepted{update});"
  "")
tributary_mutant(accepts_what_failed_its_check ${service}/job_worker.cc
  "return {site, key, checked->reason, checked->detail, checked->norm};"
  "return {site, key, Reason::kAccepted, checked->detail, checked->norm};")
tributary_mutant(never_expires ${round}/phase.cc
  "if (now >= end_of(one, rules)) {"
  "if (now >= end_of(one, rules) && one.row.kind.empty()) {")
tributary_mutant(forgets_the_accepted_after_a_crash ${round}/job_control.cc
  "if (update.into != record_.round + 1) continue;"
  "if (update.into != record_.round + 2) continue;")
tributary_mutant(commits_below_the_quorum ${round}/phase.cc
  "return accepted_ >= rules_.quorum && has_root();"
  "return accepted_ + 1 >= rules_.quorum && has_root();")
tributary_mutant(forgets_the_accepted_in_a_retry ${round}/job_closing.cc
  "if (kind == TaskKind::kTrain) keep_accepted();"
  "")
tributary_mutant(weighs_all_alike coordinator/aggregation/round_aggregate.cc
  "weight = std::get<StreamedRule>(rule_.how).weight(spec_, examples);"
  "weight = 1;")
tributary_mutant(removes_blobs_in_use ${service}/driver.cc
  "if (!used->contains(digest))"
  "")
tributary_mutant(acts_before_it_is_durable ${service}/driver.cc
  "    unsaved_ = std::move(effects);
    return;"
  "    perform(effects);
    return;")
tributary_mutant(closes_with_sites_pending ${round}/phase.cc
  "if (pending_ == 0) return true;"
  "if (pending_ == 0 || accepted_ >= rules_.quorum) return true;")
tributary_mutant(waits_without_an_end ${round}/job_machine.cc
  "wake = phase_->next_wake();"
  "")
tributary_mutant(commits_a_round_twice ${round}/job_closing.cc
  "record_.round = event.round;"
  "record_.round = event.round > 1 ? event.round - 1 : event.round;")
tributary_mutant(does_not_sync_blobs common/storage/blob_store.cc
  "TRIB_CHECK_OK(file_->sync());"
  "")
tributary_mutant(counts_the_late_in_full ${round}/staleness.cc
  "std::lround(share)"
  "std::lround(kFullShare)")
tributary_mutant(waits_for_the_late_for_ever ${round}/job_machine.cc
  "if (const auto expiry = expiry_of(one, rules, now)) over.emplace(site, *expiry);"
  "")
tributary_mutant(takes_up_what_is_too_late ${round}/job_machine.cc
  "if (round - one.key.round > spec_.rounds.staleness.max) {"
  "if (round - one.key.round > spec_.rounds.staleness.max + 1) {")
tributary_mutant(gives_up_and_keeps_its_place ${round}/job_machine.cc
  "return over();"
  "return false;")
tributary_mutant(recovers_out_of_turn ${round}/engine.cc
  "if (!recovering && !std::holds_alternative<SiteKnown>(event)) advance(now, out);"
  "static_cast<void>(recovering); advance(now, out);")
tributary_mutant(forgets_what_deltas_left_out ${service}/job_worker.cc
  "target && round > 1 ?"
  "target && round > 1000 ?")
tributary_mutant(forgets_what_a_model_cost ${round}/job_closing.cc
  "if (event.spent) out.push_back(SaveSpending{spending_of(record_, spec_)});"
  "")
tributary_mutant(spends_more_than_it_may ${round}/privacy_budget.cc
  "record.spent->with_next > spec.privacy.sites->max_epsilon"
  "record.spent->epsilon > spec.privacy.sites->max_epsilon")
tributary_mutant(divides_by_who_came ${service}/job_worker.cc
  "effect.clip, spec_.rounds.target,"
  "effect.clip, spec_.rounds.target + 1,")
tributary_mutant(asks_again_in_a_pass ${round}/pass.cc
  "history->second.counted > before_pass(record, rounds_per_pass);"
  "history->second.counted > record.round;")
tributary_mutant(forgets_the_noise_of_a_pass coordinator/aggregation/tree_noise.cc
  "for (const SecretKey& key : ends) nodes_.push_back({key, -1, {}});"
  "for (const SecretKey& key : ends) nodes_.push_back({key, -100, {}});")
