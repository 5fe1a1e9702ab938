// SPDX-License-Identifier: Apache-2.0
// The limit of a link: frames of 1 MiB through so many mutual-TLS connections on loopback, made on
// one thread, thrown away on another. Nothing is stored, hashed or looked at.
#pragma once

#include <cstdint>
#include <string>

#include "common/domain/tls_files.h"

namespace tributary::bench {

// Seconds for `bytes_each` over each of the connections, all at once.
double pipe_seconds(const TlsFiles& server, const TlsFiles& client, int connections,
                    std::uint64_t bytes_each);

}  // namespace tributary::bench
