// SPDX-License-Identifier: Apache-2.0
// The live view of a job: plain lines when piped; on a terminal a table that is drawn over itself,
// with what went wrong in lines above it. A coordinator that goes away is waited for.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "coordinator/ctl/commands.h"
#include "coordinator/ctl/figure_tables.h"
#include "coordinator/ctl/interrupt.h"
#include "coordinator/ctl/tables.h"
#include "coordinator/ctl/watch_screen.h"

namespace tributary {
namespace {

using Json = nlohmann::json;

// The longest wait between two attempts to find the coordinator again.
constexpr std::int64_t kWaitMs = 10'000;

std::string text_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// As the log writes it: a value with blanks cannot look like two.
std::string field_text(const Json& value) {
  if (value.is_number_float()) return figure(value.get<double>());
  if (!value.is_string()) return value.dump(-1, ' ', true);
  std::string text = escaped(value.get<std::string>());
  if (text.find_first_of(" \"=\\") == std::string::npos) return text;
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return '"' + text + '"';
}

std::string line_of(const std::string& name, const Json& json) {
  const std::string stamp = escaped(text_of(json, "ts"));
  std::string line = (stamp.size() > 19 ? stamp.substr(11, 8) : stamp) + "  " + escaped(name);
  for (const auto& [key, value] : json.items()) {
    if (key == "ts" || key == "level" || key == "event" || key == "job" || value.is_null())
      continue;
    const std::string text = field_text(value);
    if (!text.empty()) line += " " + escaped(key) + "=" + text;
  }
  return line;
}

std::uint32_t round_of(const Json& json) {
  const auto found = json.find("round");
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint32_t>() : 0;
}

std::string figures_text(const auto& row) {
  std::string text;
  if (row.loss) text += " loss=" + figure(row.loss);
  if (row.accuracy) text += " accuracy=" + figure(row.accuracy);
  if (row.auc) text += " auc=" + figure(row.auc);
  if (const std::string others = main_figures(row.figures); !others.empty()) text += " " + others;
  return text;
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

void print_state(const JobSummary& job) {
  std::cout << "before    job " << escaped(job.job.value) << " " << escaped(job.state) << ": round "
            << job.round << "/" << job.rounds;
  if (job.best_round > 0) std::cout << " best_round=" << job.best_round;
  std::cout << figures_text(job);
  if (!job.detail.empty()) std::cout << " detail=" << field_text(job.detail);
  std::cout << std::endl;
}

class Watch {
 public:
  virtual ~Watch() = default;
  // The job as it is when a link to the coordinator begins.
  virtual void begin(const JobDetail& detail) = 0;
  virtual void show(const std::string& event, const Json& json) = 0;
  // Something about the watch itself.
  virtual void note(const std::string& text) = 0;
};

class PlainWatch final : public Watch {
 public:
  void begin(const JobDetail& detail) override {
    const auto told = told_;
    for (const RoundRow& row : detail.rounds) {
      if (row.outcome == kUnderWay) continue;  // what it comes to will be told
      told_.emplace(row.round, row.task);
      if (told.contains({row.round, row.task})) continue;
      std::cout << "before    round " << row.round << " " << escaped(row.task) << ": "
                << escaped(row.outcome) << figures_text(row) << "\n";
    }
    print_state(detail.summary);
  }
  void show(const std::string& event, const Json& json) override {
    if (event == "task.progress") return;
    std::cout << line_of(event, json) << std::endl;
    if (event == "round.committed") told_.emplace(round_of(json), "train");
    if (event == "evaluation.finished") told_.emplace(round_of(json), "evaluate");
  }
  void note(const std::string& text) override { std::cerr << text << std::endl; }

 private:
  std::set<std::pair<std::uint32_t, std::string>> told_;  // rounds, for a second link
};

class TerminalWatch final : public Watch {
 public:
  void begin(const JobDetail& detail) override {
    screen_ = WatchScreen(detail);
    clear();
    if (is_over(detail.summary.state)) print_state(detail.summary);
    draw();
  }
  void note(const std::string& text) override {
    clear();
    std::cout << std::flush;
    std::cerr << text << std::endl;
    draw();
  }
  void show(const std::string& event, const Json& json) override {
    screen_.apply(event, json);
    clear();
    if (deserves_a_line(json) || !end_in(event).empty()) std::cout << line_of(event, json) << "\n";
    draw();
  }

 private:
  static bool deserves_a_line(const Json& json) {
    const std::string level = text_of(json, "level");
    const std::string reason = text_of(json, "reason");
    return level == "warn" || level == "error" || (!reason.empty() && reason != "accepted");
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

  WatchScreen screen_{JobDetail{}};
  std::size_t drawn_ = 0;  // lines on the terminal that are ours to overwrite
};

// Until the job is over. A link that ends is an error like any other.
Status follow(Connection& link, const std::string& job, Watch& watch) {
  TRIB_TRY(detail, link.ask_pages<JobDetail>(WatchJob{JobId{job}, {}}));
  watch.begin(detail);
  std::string state = detail.summary.state;
  while (!is_over(state)) {
    if (!std::cout) return {};  // who read it has gone (`| head`)
    TRIB_TRY(message, link.next(std::chrono::seconds(60)));
    const auto* event = message ? std::get_if<Event>(&*message) : nullptr;
    if (event == nullptr) continue;
    const Json json = Json::parse(event->json, nullptr, false);
    if (json.is_object()) watch.show(event->name, json);
    if (const std::string end = end_in(event->name); !end.empty()) state = end;
  }
  if (state == "finished") return {};
  return make_error(ErrorCode::kFailedPrecondition,
                    "job " + job + " did not finish; `tributaryctl job show " + job + "` says why");
}

// Until there is a link again or the program is interrupted. Only what no coordinator can cure, a
// certificate of ours that has expired say, is an error.
Result<std::unique_ptr<Connection>> reconnect(const Connection& lost) {
  for (std::int64_t wait_ms = limits::kRedialFirstMs;; wait_ms = std::min(2 * wait_ms, kWaitMs)) {
    ::poll(nullptr, 0, static_cast<int>(wait_ms));  // ends early by a signal
    auto opened = lost.again();
    if (opened || interrupted() != 0 || opened.error().code == ErrorCode::kInvalidArgument)
      return opened;
  }
}

}  // namespace

Status watch_job(Connection& connection, const std::string& job) {
  std::unique_ptr<Watch> watch = std::make_unique<PlainWatch>();
  if (::isatty(STDOUT_FILENO) == 1) watch = std::make_unique<TerminalWatch>();
  std::unique_ptr<Connection> renewed;
  for (Connection* link = &connection;; link = renewed.get()) {
    const Status end = follow(*link, job, *watch);
    const bool gone = !end && link->ended() &&
                      (end.error().code == ErrorCode::kUnavailable ||
                       end.error().code == ErrorCode::kDeadlineExceeded);
    if (!gone) return end;
    watch->note("the coordinator is gone (" + escaped(end.error().message) +
                "); trying until it is back, Ctrl-C ends");
    TRIB_TRY(next, reconnect(*link));
    renewed = std::move(next);
  }
}

}  // namespace tributary
