// SPDX-License-Identifier: Apache-2.0
// ask: one question to a coordinator, on a link of its own, as a blocking call: for programs that
// run no link. Any thread.
#pragma once

#include <memory>

#include "common/transport/dialer.h"

namespace tributary {

// The answer; RequestFailed, and a Goodbye, come back as errors.
Result<Message> ask(const DialTarget& target, std::shared_ptr<TlsContext> context,
                    const Message& question);

}  // namespace tributary
