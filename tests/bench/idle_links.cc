// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/idle_links.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <vector>

#include "common/transport/dialer.h"
#include "common/transport/spawn.h"

namespace tributary::bench {
namespace {

constexpr int kHandshakesAtOnce = 32;

struct Idle final : LinkHandler {
  Status on_message(const Message&) override { return {}; }
  Status on_chunk(std::uint32_t, Chunk) override { return {}; }
};

}  // namespace

struct IdleLinks::Impl {
  Federation& federation;
  int count;
  std::vector<TlsFiles> certificates = {};
  std::atomic<int> next{0};
  std::atomic<std::size_t> connected{0};
  Idle handler = {};
  asio::io_context io{1};
  std::vector<std::shared_ptr<FrameLink>> links = {};
  std::thread thread = {};

  // One after another.
  static asio::awaitable<void> dial_in_turn(Impl* self) {
    for (int mine = self->next++; mine < self->count; mine = self->next++) {
      const std::shared_ptr<TlsContext> context =
          *TlsContext::load_as(PeerRole::kSite, self->certificates[static_cast<std::size_t>(mine)]);
      const DialTarget target{"127.0.0.1", self->federation.port(), "coordinator"};
      Hello hello;
      hello.software = "tributary-bench";
      const Result<Dialed> dialed = co_await dial(target, context, hello);
      if (!dialed || std::holds_alternative<Goodbye>(*dialed)) continue;
      const std::shared_ptr<FrameLink> link = std::get<DialedLink>(*dialed).link;
      self->links.push_back(link);
      spawn(self->io, live(self, link));
    }
  }
  static asio::awaitable<void> live(Impl* self, std::shared_ptr<FrameLink> link) {
    ++self->connected;
    const Error why = co_await link->run(self->handler);
    static_cast<void>(why);
    --self->connected;
  }
};

IdleLinks::IdleLinks(Federation& federation, int count)
    : impl_(std::make_unique<Impl>(federation, count)) {
  for (int i = 0; i < count; ++i)
    impl_->certificates.push_back(federation.tls_of("site", "idle-" + std::to_string(i)));
  for (int i = 0; i < kHandshakesAtOnce; ++i) spawn(impl_->io, Impl::dial_in_turn(impl_.get()));
  impl_->thread = std::thread([io = &impl_->io] { io->run(); });
  wait_until([&] { return impl_->connected == static_cast<std::size_t>(count); },
             std::chrono::seconds(60 + count / 20));
}

IdleLinks::~IdleLinks() {
  asio::post(impl_->io, [this] {
    for (const auto& link : impl_->links)
      link->close(make_error(ErrorCode::kCancelled, "the measurement is over"));
  });
  impl_->thread.join();
}

std::size_t IdleLinks::connected() const { return impl_->connected; }

}  // namespace tributary::bench
