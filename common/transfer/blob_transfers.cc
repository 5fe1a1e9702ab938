// SPDX-License-Identifier: Apache-2.0
#include "common/transfer/blob_transfers.h"

#include <algorithm>

#include "common/base/limits.h"

namespace tributary {

struct BlobTransfers::Asked {
  BlobRef blob;
  int retries = 0;
  bool resumed = false;  // on bytes that this link did not bring
  bool started = false;
  std::unique_ptr<BlobStore::Writer> writer;
};

struct BlobTransfers::Served {
  std::unique_ptr<ReadFile> file;
  std::uint64_t offset = 0;
  bool done = false;
};

BlobTransfers::BlobTransfers(BlobStore& store, TransferPort& port, Serve serve, FetchDone done,
                             Resumed resumed)
    : store_(store),
      port_(port),
      serve_(std::move(serve)),
      done_(std::move(done)),
      resumed_(std::move(resumed)) {}

BlobTransfers::~BlobTransfers() = default;

std::size_t BlobTransfers::serving() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(served_, [](const auto& one) { return !one.second->done; }));
}

bool BlobTransfers::is_mine(const Message& message) {
  return std::holds_alternative<BlobRequest>(message) ||
         std::holds_alternative<BlobStart>(message) ||
         std::holds_alternative<BlobRefused>(message) ||
         std::holds_alternative<BlobCancel>(message);
}

// --- the asker ---

Status BlobTransfers::fetch(const BlobRef& blob) {
  if (store_.contains(blob.digest)) {
    done_(blob, {});
    return {};
  }
  const auto same = [&blob](const BlobRef& other) { return other.digest == blob.digest; };
  const bool asked =
      std::ranges::any_of(asked_, [&](const auto& one) { return same(one.second->blob); });
  if (asked || std::ranges::any_of(waiting_, same)) return {};
  if (asked_.size() >= limits::kTransfersPerLinkMax) {
    waiting_.push_back(blob);
    return {};
  }
  return ask(blob, 0);
}

Status BlobTransfers::ask(const BlobRef& blob, int retries) {
  Result<std::unique_ptr<BlobStore::Writer>> writer = store_.receive(blob);
  if (!writer) return settle(blob, writer.error());
  auto asked = std::make_unique<Asked>();
  asked->blob = blob;
  asked->retries = retries;
  asked->writer = *std::move(writer);
  const std::uint64_t offset = asked->writer->size();
  asked->resumed = offset > 0;
  if (asked->resumed && resumed_) resumed_(blob, offset);
  const std::uint32_t stream = next_stream_++;
  asked_[stream] = std::move(asked);
  return port_.send(BlobRequest{stream, blob.digest, offset});
}

void BlobTransfers::cancel(const Digest& digest) {
  std::erase_if(waiting_, [&digest](const BlobRef& blob) { return blob.digest == digest; });
  for (auto at = asked_.begin(); at != asked_.end();) {
    if (at->second->blob.digest == digest) {
      static_cast<void>(port_.send(BlobCancel{at->first}).has_value());
      at = asked_.erase(at);
    } else {
      ++at;
    }
  }
}

Status BlobTransfers::on_start(const BlobStart& start) {
  const auto found = asked_.find(start.stream);
  if (found == asked_.end()) return {};  // cancelled meanwhile
  Asked& asked = *found->second;
  if (asked.started) return make_error(ErrorCode::kProtocol, "blob_start came twice");
  asked.started = true;
  if (start.total_bytes != asked.blob.bytes) {
    return give_up(
        start.stream,
        make_error(ErrorCode::kDataLoss,
                   "the peer's blob has " + std::to_string(start.total_bytes) + " bytes, not the " +
                       std::to_string(asked.blob.bytes) + " announced"));
  }
  return asked.writer->size() == asked.blob.bytes ? complete(start.stream) : Status{};
}

Status BlobTransfers::on_refused(const BlobRefused& refused) {
  if (!asked_.contains(refused.stream)) return {};
  return give_up(refused.stream, make_error(ErrorCode::kNotFound, refused.message));
}

Status BlobTransfers::on_chunk(std::uint32_t stream, ByteView bytes) {
  const auto found = asked_.find(stream);
  if (found == asked_.end()) return {};  // cancelled meanwhile
  Asked& asked = *found->second;
  if (!asked.started) return make_error(ErrorCode::kProtocol, "a chunk before its blob_start");
  if (Status written = asked.writer->append(bytes); !written)
    return give_up(stream, written.error());
  return asked.writer->size() == asked.blob.bytes ? complete(stream) : Status{};
}

Status BlobTransfers::complete(std::uint32_t stream) {
  const std::unique_ptr<Asked> asked = std::move(asked_.at(stream));
  asked_.erase(stream);
  const Status committed = asked->writer->commit();
  asked->writer.reset();
  const bool wrong = !committed && committed.error().code == ErrorCode::kDataLoss;
  // The store has thrown the bytes away. Those of an earlier life may have been torn, or another
  // peer's: not this one's fault. The next try starts at the first byte, so this happens once.
  if (wrong && asked->resumed) return ask(asked->blob, asked->retries);
  if (wrong && asked->retries < limits::kBlobRetries) return ask(asked->blob, asked->retries + 1);
  return settle(asked->blob, committed);
}

Status BlobTransfers::give_up(std::uint32_t stream, Error error) {
  const std::unique_ptr<Asked> asked = std::move(asked_.at(stream));
  asked_.erase(stream);
  asked->writer.reset();
  Status told = port_.send(BlobCancel{stream});
  TRIB_CHECK_OK(settle(asked->blob, error));
  return told;
}

Status BlobTransfers::settle(const BlobRef& blob, const Status& outcome) {
  done_(blob, outcome);
  return ask_next();
}

Status BlobTransfers::ask_next() {
  if (waiting_.empty() || asked_.size() >= limits::kTransfersPerLinkMax) return {};
  const BlobRef next = waiting_.front();
  waiting_.pop_front();
  return ask(next, 0);
}

// --- the server ---

Status BlobTransfers::on_request(const BlobRequest& request) {
  std::erase_if(served_, [](const auto& one) { return one.second->done; });
  if (served_.contains(request.stream))
    return make_error(ErrorCode::kProtocol, "blob_request: the stream is in use");
  if (served_.size() >= limits::kTransfersPerLinkMax) {
    return make_error(ErrorCode::kProtocol, "more blobs asked for at once than the grammar allows");
  }
  Result<std::unique_ptr<ReadFile>> file = serve_(request.digest);
  if (!file || request.offset > (*file)->size()) {
    return port_.send(
        BlobRefused{request.stream, "no blob " + request.digest.short_hex() + " for you here"});
  }
  auto served = std::make_shared<Served>();
  served->file = *std::move(file);
  served->offset = request.offset;
  served_[request.stream] = served;
  TRIB_CHECK_OK(port_.send(BlobStart{request.stream, served->file->size()}));
  port_.add_source(request.stream, [served](std::size_t max_bytes) -> Result<Bytes> {
    const std::uint64_t left = served->file->size() - served->offset;
    Bytes bytes(static_cast<std::size_t>(std::min<std::uint64_t>(left, max_bytes)));
    if (Status read = served->file->read_at(served->offset, bytes); !read) return read.error();
    served->offset += bytes.size();
    served->done = served->offset == served->file->size();
    return bytes;
  });
  return {};
}

void BlobTransfers::on_cancelled(const BlobCancel& cancel) {
  port_.remove_source(cancel.stream);
  served_.erase(cancel.stream);
}

Status BlobTransfers::on_message(const Message& message) {
  if (const auto* request = std::get_if<BlobRequest>(&message)) return on_request(*request);
  if (const auto* start = std::get_if<BlobStart>(&message)) return on_start(*start);
  if (const auto* refused = std::get_if<BlobRefused>(&message)) return on_refused(*refused);
  if (const auto* cancelled = std::get_if<BlobCancel>(&message)) on_cancelled(*cancelled);
  return {};
}

}  // namespace tributary
