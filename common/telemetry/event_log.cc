// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/event_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tributary {
namespace {

Result<int> open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return system_error(errno, "open log file " + path);
  return fd;
}

// How many bytes went out; fewer than all: errno says why.
std::size_t write_all(int fd, const std::string& line) {
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t wrote = ::write(fd, line.data() + done, line.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) break;
    done += static_cast<std::size_t>(wrote);
  }
  return done;
}

}  // namespace

Result<std::unique_ptr<EventLog>> EventLog::open(EventLogOptions options, const Clock& clock) {
  std::unique_ptr<EventLog> log(new EventLog(std::move(options), clock));
  TRIB_CHECK_OK(log->reopen());
  return log;
}

EventLog::EventLog(EventLogOptions options, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      style_(detect_text_style(options_.text_fd)),
      level_(options_.level) {}

EventLog::~EventLog() {
  if (file_ >= 0) ::close(file_);
}

void EventLog::record(EventName name, EventFields fields) {
  put(name.info().level, name.info().name, std::move(fields));
}

void EventLog::relay(std::string_view name, EventFields fields) {
  const EventInfo* info = find_event(name);
  put(info == nullptr ? EventLevel::kWarn : info->level, name, std::move(fields));
}

Status EventLog::reopen() {
  if (options_.file.empty()) return {};
  TRIB_TRY(fresh, open_file(options_.file));
  const std::scoped_lock lock(mutex_);
  if (file_ >= 0) ::close(file_);
  file_ = fresh;
  torn_ = false;
  return {};
}

void EventLog::set_level(EventLevel level) {
  const std::scoped_lock lock(mutex_);
  level_ = level;
}

std::uint64_t EventLog::subscribe(Subscriber subscriber) {
  const std::scoped_lock lock(mutex_);
  subscribers_.emplace(next_subscriber_, std::move(subscriber));
  return next_subscriber_++;
}

void EventLog::unsubscribe(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  subscribers_.erase(id);
}

void EventLog::put(EventLevel level, std::string_view name, EventFields fields) {
  const std::scoped_lock lock(mutex_);
  put_locked({clock_.wall_ms(), level, std::string(name), std::move(fields)});
}

void EventLog::put_locked(const LoggedEvent& event) {
  const bool shown = event.level >= level_;
  const bool json_needed =
      !subscribers_.empty() || (shown && (file_ >= 0 || options_.json_on_stderr));
  const std::string json = json_needed ? format_json(event) : std::string();
  if (shown && options_.text_fd >= 0) write_text_locked(event, json);
  if (shown && file_ >= 0) write_file_locked(json);
  for (const auto& [id, subscriber] : subscribers_) subscriber(event, json);
}

void EventLog::write_file_locked(const std::string& json) {
  // A torn line is ended first, so that readers lose that line only.
  const std::string line = (torn_ ? "\n" : "") + json + '\n';
  const std::size_t done = write_all(file_, line);
  if (done == line.size()) {
    torn_ = false;
    const std::int64_t lost = std::exchange(lost_, 0);
    if (lost > 0) {
      put_locked({clock_.wall_ms(),
                  EventLevel::kError,
                  "log.lost",
                  {{"lines", lost}, {"detail", "the log file can be written again"}}});
    }
    return;
  }
  const std::string why = std::strerror(errno);
  torn_ = torn_ || done > 0;
  if (lost_++ == 0 && options_.text_fd >= 0) {  // told once on stderr; the rest is counted
    const LoggedEvent event{clock_.wall_ms(),
                            EventLevel::kError,
                            "log.lost",
                            {{"lines", std::int64_t{1}}, {"detail", options_.file + ": " + why}}};
    write_text_locked(event, format_json(event));
  }
}

void EventLog::write_text_locked(const LoggedEvent& event, const std::string& json) {
  write_all(options_.text_fd, (options_.json_on_stderr ? json : format_text(event, style_)) + '\n');
}

}  // namespace tributary
