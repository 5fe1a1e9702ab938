// SPDX-License-Identifier: Apache-2.0
// The live view of a job: plain lines when piped; on a terminal a table that is drawn over itself,
// with what went wrong in lines above it.
#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/tables.h"
#include "coordinator/ctl/watch_screen.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

std::string text_of(const Json& value) {
  if (value.is_string()) return escaped(value.get<std::string>());
  if (value.is_number_float()) return figure(value.get<double>());
  return value.dump();
}

std::string line_of(const std::string& name, const Json& json) {
  const std::string stamp = json.value("ts", "");
  std::string line = (stamp.size() > 19 ? stamp.substr(11, 8) : stamp) + "  " + name;
  for (const auto& [key, value] : json.items()) {
    if (key == "ts" || key == "level" || key == "event" || key == "job" || value.is_null())
      continue;
    const std::string text = text_of(value);
    if (!text.empty()) line += " " + key + "=" + text;
  }
  return line;
}

class Watch {
 public:
  virtual ~Watch() = default;
  virtual void show(const std::string& event, const Json& json) = 0;
};

class PlainWatch final : public Watch {
 public:
  void show(const std::string& event, const Json& json) override {
    if (event == "task.progress" || event == "task.sent") return;
    std::cout << line_of(event, json) << std::endl;
  }
};

class TerminalWatch final : public Watch {
 public:
  explicit TerminalWatch(const JobDetail& detail) : screen_(detail) { draw(); }

  void show(const std::string& event, const Json& json) override {
    screen_.apply(event, json);
    clear();
    if (deserves_a_line(json)) std::cout << line_of(event, json) << "\n";
    draw();
  }

 private:
  static bool deserves_a_line(const Json& json) {
    const std::string level = json.value("level", "");
    const std::string reason = json.value("reason", "accepted");
    return level == "warn" || level == "error" || reason != "accepted";
  }
  void clear() const {
    if (drawn_ > 0) std::cout << "\x1b[" << drawn_ << "A\r\x1b[J";
  }
  void draw() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 4 || size.ws_col < 20)
      size = winsize{24, 80, 0, 0};
    // The last line stays free for the cursor.
    const auto lines = screen_.lines(size.ws_col - 1u, size.ws_row - 1u);
    for (const std::string& line : lines) std::cout << line << "\n";
    std::cout << std::flush;
    drawn_ = lines.size();
  }

  WatchScreen screen_;
  std::size_t drawn_ = 0;  // lines on the terminal that are ours to overwrite
};

// Rounds that were over before we came.
void show_past(const std::vector<RoundRow>& rounds) {
  for (const RoundRow& row : rounds) {
    std::cout << "before    round " << row.round << " " << row.task << ": " << row.outcome;
    if (row.loss) std::cout << " loss=" << figure(row.loss);
    if (row.accuracy) std::cout << " accuracy=" << figure(row.accuracy);
    if (row.auc) std::cout << " auc=" << figure(row.auc);
    std::cout << "\n";
  }
}

bool is_over(const std::string& state) {
  return state == "finished" || state == "failed" || state == "aborted";
}

// The state that the event says the job has come to; empty if it goes on.
std::string end_in(const std::string& event) {
  const std::string prefix = "job.";
  const std::string state = event.starts_with(prefix) ? event.substr(prefix.size()) : "";
  return is_over(state) ? state : "";
}

}  // namespace

Status watch_job(Connection& connection, const std::string& job) {
  TRIB_TRY(detail, connection.ask_pages<WatchJob>(job));
  std::string state = detail.summary.state;
  std::unique_ptr<Watch> watch = std::make_unique<PlainWatch>();
  if (::isatty(STDOUT_FILENO) == 1) {
    watch = std::make_unique<TerminalWatch>(detail);
  } else {
    show_past(detail.rounds);
  }
  while (!is_over(state)) {
    if (!std::cout) return {};  // who read it has gone (`| head`)
    TRIB_TRY(message, connection.next(std::chrono::seconds(60)));
    const auto* event = message ? std::get_if<Event>(&*message) : nullptr;
    if (event == nullptr) continue;
    const Json json = Json::parse(event->json, nullptr, false);
    if (json.is_object()) watch->show(event->name, json);
    if (const std::string end = end_in(event->name); !end.empty()) state = end;
  }
  if (state == "finished") return {};
  return make_error(ErrorCode::kFailedPrecondition,
                    "job " + job + " did not finish; `tributaryctl job show " + job + "` says why");
}

}  // namespace tributary
