// SPDX-License-Identifier: Apache-2.0
// spawn: starts a coroutine that nobody waits for. What escapes one is a fault that nobody can
// handle (no memory for a frame): it comes out of io_context::run() and ends the process, which
// loses nothing that was acknowledged, instead of leaving a link half alive.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace tributary {

template <typename Executor>
void spawn(Executor&& executor, boost::asio::awaitable<void> coroutine) {
  boost::asio::co_spawn(std::forward<Executor>(executor), std::move(coroutine),
                        [](std::exception_ptr escaped) {
                          if (escaped) std::rethrow_exception(escaped);
                        });
}

}  // namespace tributary
