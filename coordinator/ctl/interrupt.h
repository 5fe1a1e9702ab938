// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM while a command waits: it ends in good order, with the status that a shell
// gives. Any thread.
#pragma once

namespace tributary {

// From now on the first of these signals is only noted; a second one ends the process.
void note_interrupts();
// The signal that has come; 0 for none.
int interrupted();

}  // namespace tributary
