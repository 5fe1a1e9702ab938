// SPDX-License-Identifier: Apache-2.0
#include "client/daemon/sum_desk.h"

#include <boost/asio/post.hpp>
#include <exception>
#include <memory>
#include <utility>

namespace tributary {
namespace {

namespace asio = boost::asio;

class OwnNotary final : public SumNotary {
 public:
  OwnNotary(Papers papers, const Clock& clock)
      : held_(std::move(papers)),
        notary_(&held_.signer, held_.trust, [&clock] { return clock.wall_ms() / 1000; }) {}

  const SumPapers& papers() const override { return notary_.papers(); }
  Result<Bytes> sign(std::string_view purpose, ByteView statement) const override {
    return notary_.sign(purpose, statement);
  }
  Status verify(const SiteName& site, const SumPapers& papers, std::string_view purpose,
                ByteView statement, ByteView signature) const override {
    return notary_.verify(site, papers, purpose, statement, signature);
  }

 private:
  Papers held_;
  CertificateNotary notary_;
};

}  // namespace

Result<std::unique_ptr<SumNotary>> notary_with(Papers papers, const Clock& clock) {
  return std::unique_ptr<SumNotary>(std::make_unique<OwnNotary>(std::move(papers), clock));
}

void ThreadSumDesk::stop() {
  thread_.stop();
  thread_.join();
}

void ThreadSumDesk::post(std::function<SiteSums::Answers(SiteSums&)> work) {
  asio::post(thread_, [this, work = std::move(work)] {
    SiteSums::Answers answers;
    try {
      answers = work(*sums_);
    } catch (const std::exception&) {  // no memory for the masks: the site is late for the sum
      return;
    }
    if (answers.empty()) return;
    asio::post(io_, [this, answers = std::move(answers)] { answer_(answers); });
  });
}

void ThreadSumDesk::begin(const TaskKey& key) {
  post([key](SiteSums& sums) { return sums.begin(key); });
}

void ThreadSumDesk::handle(const SumRequest& request) {
  post([request](SiteSums& sums) { return sums.handle(request); });
}

void ThreadSumDesk::again() {
  post([](SiteSums& sums) { return sums.again(); });
}

void ThreadSumDesk::committed(const RoundCommitted& committed) {
  post([committed](SiteSums& sums) {
    sums.committed(committed.job, committed.round);
    return SiteSums::Answers{};
  });
}

}  // namespace tributary
