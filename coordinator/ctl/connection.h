// SPDX-License-Identifier: Apache-2.0
// Connection: an operator's link, as blocking calls. One owner, one thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/config/operator_file.h"
#include "common/storage/blob_store.h"
#include "common/transfer/blob_transfers.h"
#include "common/transport/dialer.h"
#include "coordinator/ctl/pages.h"

namespace tributary {

class Connection final : public LinkHandler {
 public:
  // Waits end early when the program is interrupted (interrupt.h): kCancelled.
  static Result<std::unique_ptr<Connection>> open(const OperatorConfig& config);
  // A new link to the same coordinator.
  Result<std::unique_ptr<Connection>> again() const { return open(config_); }
  ~Connection() override;

  const OperatorConfig& config() const { return config_; }
  // Whether the link has ended; a refused request leaves it as it is.
  bool ended() const { return ended_.has_value(); }

  // The reply; RequestFailed comes back as its error.
  Result<Message> request(const Message& message);
  // Its reply, if it is of the kind that was asked for.
  template <typename Reply>
  Result<Reply> ask(const Message& message) {
    TRIB_TRY(reply, request(message));
    auto* expected = std::get_if<Reply>(&reply);
    if (expected == nullptr)
      return make_error(ErrorCode::kProtocol, "the coordinator answered something else");
    return std::move(*expected);
  }
  // The same, with all its pages.
  template <typename Reply, typename Request>
  Result<Reply> ask_pages(Request request) {
    TRIB_TRY(whole, ask<Reply>(request));
    while (whole.next != decltype(whole.next){}) {
      request.from = whole.next;
      TRIB_TRY(page, ask<Reply>(request));
      TRIB_CHECK_OK(append_page(whole, std::move(page)));
    }
    return whole;
  }
  // The next message, for watching. Gives up the wait after `limit`: none.
  Result<std::optional<Message>> next(std::chrono::milliseconds limit);
  // A blob of the coordinator's.
  Result<Bytes> fetch(const BlobRef& blob);
  // Offers bytes that the coordinator may fetch.
  Result<BlobRef> offer(ByteView bytes);

  Status on_message(const Message& message) override;
  Status on_chunk(std::uint32_t stream, Chunk chunk) override;

 private:
  explicit Connection(OperatorConfig config) : config_(std::move(config)) {}
  // Until something is `done` or the program is interrupted.
  template <typename Done>
  void run_until(Done done);
  Error end_reason() const;
  Result<std::unique_ptr<ReadFile>> open_offered(const Digest& digest) const;

  OperatorConfig config_;
  asio::io_context io_{1};
  std::string spool_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<BlobStore> blobs_;
  std::shared_ptr<FrameLink> link_;
  std::optional<BlobTransfers> transfers_;
  std::set<Digest> offered_;
  std::deque<Message> received_;
  std::optional<Status> fetched_;
  std::optional<Error> ended_;
};

}  // namespace tributary
