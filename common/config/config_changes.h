// SPDX-License-Identifier: Apache-2.0
// What a running daemon does with its file read anew (SIGHUP): values that can change while it runs
// are taken over at once, those that cannot are named, and a file with a fault changes nothing.
// Plain functions; the caller owns the configuration and puts what is new into effect.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/config/client_file.h"
#include "common/config/coordinator_file.h"

namespace tributary {

// Keys whose value in the file is another one than that in force.
struct ConfigChanges {
  std::vector<std::string> taken;
  std::vector<std::string> needs_restart;
};

// Sites, admission, log.level.
ConfigChanges take_over(CoordinatorConfig& running, const CoordinatorConfig& fresh);
// Datasets, checkpoint_every, log.level.
ConfigChanges take_over(ClientConfig& running, const ClientConfig& fresh);

void tell_kept(EventLog& log, const Error& fault);
// Puts the level `now` into force, too.
void tell_reloaded(EventLog& log, const ConfigChanges& changes, EventLevel before, EventLevel now);

template <typename Config>
using ReadConfig = std::function<Result<Config>()>;

// True: something of `running` is new. The log has its new level then.
template <typename Config>
bool reload_config(Config& running, const ReadConfig<Config>& read, EventLog& log) {
  const Result<Config> fresh = read();
  if (!fresh) {
    tell_kept(log, fresh.error());
    return false;
  }
  const EventLevel before = running.log.level;
  const ConfigChanges changes = take_over(running, *fresh);
  tell_reloaded(log, changes, before, running.log.level);
  return !changes.taken.empty();
}

// SIGHUP: opens the log's file anew, and says so there, or why it could not.
void reopen_log(EventLog& log, const std::string& file);

}  // namespace tributary
