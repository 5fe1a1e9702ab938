// SPDX-License-Identifier: Apache-2.0
#include "coordinator/ctl/interrupt.h"

#include <signal.h>

#include <csignal>

namespace tributary {
namespace {

volatile std::sig_atomic_t noted = 0;

}  // namespace

void note_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int number) { noted = number; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // and no SA_RESTART: waits end early
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

int interrupted() { return noted; }

}  // namespace tributary
