// SPDX-License-Identifier: Apache-2.0
#include "common/transfer/blob_transfers.h"

#include <algorithm>

#include "common/base/limits.h"

namespace tributary {

// What the work queue works on. After a fault nothing more is written: there would be a gap.
struct BlobTransfers::Sink {
  std::unique_ptr<BlobStore::Writer> writer;
  Status fault = {};

  Status take(Chunk chunk) {
    if (fault) fault = writer->take(std::move(chunk));
    return fault;
  }
};

struct BlobTransfers::Asked {
  BlobRef blob;
  int retries = 0;
  bool resumed = false;  // on bytes that this link did not bring
  bool started = false;
  std::shared_ptr<Sink> sink;  // the work queue's, while it has something of it
  std::uint64_t received = 0;  // bytes, with those that are not written yet
  std::uint64_t chunks = 0, written = 0;
};

struct BlobTransfers::Served {
  std::unique_ptr<ReadFile> file;
  std::uint64_t offset = 0;
  bool done = false;
};

BlobTransfers::BlobTransfers(BlobStore& store, TransferPort& port, Serve serve, FetchDone done,
                             Options options)
    : store_(store),
      port_(port),
      serve_(std::move(serve)),
      done_(std::move(done)),
      options_(std::move(options)) {
  if (options_.work) return;
  options_.work = [](std::function<void()> work, const std::function<void()>& then) {
    work();
    work = nullptr;
    then();
  };
}

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
  asked->sink = std::make_shared<Sink>(*std::move(writer));
  const std::uint64_t offset = asked->sink->writer->size();
  asked->received = offset;
  asked->resumed = offset > 0;
  if (asked->resumed && options_.resumed) options_.resumed(blob, offset);
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
  if (asked.received == asked.blob.bytes) complete(start.stream);
  return {};
}

Status BlobTransfers::on_refused(const BlobRefused& refused) {
  if (!asked_.contains(refused.stream)) return {};
  return give_up(refused.stream, make_error(ErrorCode::kNotFound, refused.message));
}

// A peer that sends faster than the disk takes it waits: what is held is bounded.
void BlobTransfers::do_work(std::uint32_t stream, std::size_t bytes, std::function<Status()> work,
                            void (BlobTransfers::*then)(std::uint32_t, const Status&)) {
  note_unwritten(unwritten_ + bytes);
  const auto outcome = std::make_shared<Status>();
  options_.work([work = std::move(work), outcome] { *outcome = work(); },
                [this, alive = std::weak_ptr(alive_), stream, bytes, outcome, then] {
                  if (alive.expired()) return;
                  note_unwritten(unwritten_ - bytes);
                  (this->*then)(stream, *outcome);
                });
}

// Reading goes on as long as any chunk would have room.
void BlobTransfers::note_unwritten(std::size_t bytes) {
  unwritten_ = bytes;
  const bool full = unwritten_ + limits::kChunkBytesMax > kUnwrittenBytesMax;
  if (full == paused_) return;
  paused_ = full;
  if (paused_) {
    port_.pause_reading();
  } else {
    port_.resume_reading();
  }
}

Status BlobTransfers::on_chunk(std::uint32_t stream, Chunk chunk) {
  const auto found = asked_.find(stream);
  if (found == asked_.end()) return {};  // cancelled meanwhile
  Asked& asked = *found->second;
  if (!asked.started) return make_error(ErrorCode::kProtocol, "a chunk before its blob_start");
  const std::uint64_t left = asked.blob.bytes - asked.received;
  if (left == 0) return {};  // it is being verified
  if (chunk.size() > left) {
    return give_up(stream, make_error(ErrorCode::kDataLoss, "more bytes came than the " +
                                                                std::to_string(asked.blob.bytes) +
                                                                " announced"));
  }
  asked.received += chunk.size();
  ++asked.chunks;
  // The smallest takes as much as the usual one, so that no peer can make many of them wait.
  const std::size_t bytes = std::max(chunk.size(), Chunk::kUsualBytes);
  do_work(
      stream, bytes,
      [sink = asked.sink, held = std::make_shared<Chunk>(std::move(chunk))] {
        return sink->take(std::move(*held));
      },
      &BlobTransfers::on_written);
  return {};
}

void BlobTransfers::on_written(std::uint32_t stream, const Status& outcome) {
  const auto found = asked_.find(stream);
  if (found == asked_.end()) return;  // cancelled, or given up for an earlier chunk
  if (!outcome) {
    static_cast<void>(give_up(stream, outcome.error()).has_value());  // fails with the link
    return;
  }
  Asked& asked = *found->second;
  if (++asked.written == asked.chunks && asked.received == asked.blob.bytes) complete(stream);
}

void BlobTransfers::complete(std::uint32_t stream) {
  do_work(
      stream, 0, [sink = asked_.at(stream)->sink] { return sink->writer->commit(); },
      &BlobTransfers::on_committed);
}

void BlobTransfers::on_committed(std::uint32_t stream, const Status& outcome) {
  const auto found = asked_.find(stream);
  if (found == asked_.end()) return;  // cancelled: it may be there all the same
  const std::unique_ptr<Asked> asked = std::move(found->second);
  asked_.erase(found);
  asked->sink.reset();
  const bool wrong = !outcome && outcome.error().code == ErrorCode::kDataLoss;
  // The store has thrown the bytes away. Those of an earlier life may have been torn, or another
  // peer's: not this one's fault. The next try starts at the first byte, so this happens once.
  Status told;
  if (wrong && asked->resumed) {
    told = ask(asked->blob, asked->retries);
  } else if (wrong && asked->retries < limits::kBlobRetries) {
    told = ask(asked->blob, asked->retries + 1);
  } else {
    told = settle(asked->blob, outcome);
  }
  static_cast<void>(told.has_value());  // fails with the link only
}

Status BlobTransfers::give_up(std::uint32_t stream, Error error) {
  const std::unique_ptr<Asked> asked = std::move(asked_.at(stream));
  asked_.erase(stream);
  asked->sink.reset();
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
  port_.add_source(request.stream, [served](MutableByteView into) -> Result<std::size_t> {
    const std::uint64_t left = served->file->size() - served->offset;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, into.size()));
    TRIB_CHECK_OK(served->file->read_at(served->offset, into.first(size)));
    served->offset += size;
    served->done = served->offset == served->file->size();
    return size;
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
