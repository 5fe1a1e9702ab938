// SPDX-License-Identifier: Apache-2.0
// A queue of work beside a link: one after another on threads of a pool, the answers on the link's
// io_context. Pool and context outlive whoever uses it. Any thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <utility>

namespace tributary {

inline auto work_queue_on(boost::asio::thread_pool& pool, boost::asio::io_context& answers) {
  return [strand = boost::asio::make_strand(pool.get_executor()), &answers](
             std::function<void()> work, std::function<void()> then) {
    boost::asio::post(strand, [&answers, work = std::move(work), then = std::move(then)]() mutable {
      work();
      work = nullptr;
      boost::asio::post(answers, std::move(then));
    });
  };
}

}  // namespace tributary
