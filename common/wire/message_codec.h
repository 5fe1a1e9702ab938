// SPDX-License-Identifier: Apache-2.0
// Control messages to bytes and back. What comes from a peer is checked whole: names, digests,
// enumerations, list and text lengths, finite figures; kProtocol names the message and field at
// fault. Unknown fields of a newer peer are skipped. Plain functions, any thread.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/domain/messages.h"

namespace tributary {

// kResourceExhausted over kControlBytesMax.
Result<Bytes> encode_message(const Message& message);
Result<Message> decode_message(ByteView bytes);

// "task_offer": for logs and errors.
std::string message_name(const Message& message);

}  // namespace tributary
