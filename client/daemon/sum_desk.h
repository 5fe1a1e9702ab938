// SPDX-License-Identifier: Apache-2.0
// ThreadSumDesk: SiteSums on a thread of its own, so that masking holds up neither the link nor a
// training. Owned by the daemon, the link's thread; answers come back on it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>

#include "client/agent/site_agent.h"
#include "client/sums/site_sums.h"
#include "common/audit/papers.h"

namespace tributary {

class ThreadSumDesk final : public SumDesk {
 public:
  using Answer = std::function<void(const SiteSums::Answers& answers)>;
  ThreadSumDesk(boost::asio::io_context& io, Answer answer) : io_(io), answer_(std::move(answer)) {}

  // Before the first call.
  void open(SiteSums::Ports ports) { sums_.emplace(std::move(ports)); }
  void stop();  // what is not done is asked for again

  void begin(const TaskKey& key) override;
  void handle(const SumRequest& request) override;
  void again() override;
  void committed(const RoundCommitted& committed) override;

 private:
  void post(std::function<SiteSums::Answers(SiteSums&)> work);

  boost::asio::io_context& io_;
  Answer answer_;
  std::optional<SiteSums> sums_;  // the thread's
  boost::asio::thread_pool thread_{1};
};

// Signs with the party's papers as they are now.
Result<std::unique_ptr<SumNotary>> notary_with(Papers papers, const Clock& clock);

}  // namespace tributary
