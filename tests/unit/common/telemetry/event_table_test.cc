// SPDX-License-Identifier: Apache-2.0
// The table of events against itself and against what the sources of both sides report.
#include "common/telemetry/event_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace tributary {
namespace {

std::set<std::string> words(std::string_view text) {
  std::istringstream in{std::string(text)};
  return {std::istream_iterator<std::string>(in), {}};
}

TEST(EventTable, NamesAreUniqueAndDotted) {
  const std::regex shape("[a-z]+\\.[a-z_]+");
  const std::regex field("[a-z][a-z0-9_]*");
  std::set<std::string_view> names;
  for (const EventInfo& event : kEvents) {
    EXPECT_TRUE(std::regex_match(std::string(event.name), shape)) << event.name;
    EXPECT_TRUE(names.insert(event.name).second) << event.name << " stands twice";
    EXPECT_FALSE(event.help.empty()) << event.name;
    EXPECT_EQ(event.help.find('|'), std::string_view::npos)
        << event.name << ": would break the Markdown table";
    for (const std::string& one : words(event.fields)) {
      EXPECT_TRUE(std::regex_match(one, field)) << event.name << ": " << one;
      EXPECT_TRUE(one != "ts" && one != "level" && one != "event") << event.name << ": " << one;
    }
    const auto count = std::ranges::count(event.fields, ' ') + (event.fields.empty() ? 0 : 1);
    EXPECT_EQ(static_cast<std::size_t>(count), words(event.fields).size())
        << event.name << ": a field stands twice";
  }
}

TEST(EventTable, IsFoundByName) {
  ASSERT_NE(find_event("round.committed"), nullptr);
  EXPECT_EQ(find_event("round.committed")->level, EventLevel::kInfo);
  EXPECT_EQ(find_event("round.comitted"), nullptr);
  EXPECT_EQ(find_event(""), nullptr);
}

TEST(EventTable, LevelsHaveNames) {
  for (const auto level :
       {EventLevel::kDebug, EventLevel::kInfo, EventLevel::kWarn, EventLevel::kError}) {
    EXPECT_EQ(event_level_from_name(event_level_name(level)), level);
  }
  EXPECT_EQ(event_level_from_name("INFO"), std::nullopt);
}

TEST(EventTable, EachSideIsDescribed) {
  const std::string hub = describe_events(EventSide::kCoordinator);
  const std::string site = describe_events(EventSide::kClient);
  EXPECT_THAT(hub,
              ::testing::StartsWith("| Event | Level | Meaning | Fields |\n|---|---|---|---|\n"));
  EXPECT_THAT(hub, ::testing::HasSubstr("| `round.committed` | info | "));
  EXPECT_THAT(hub, ::testing::Not(::testing::HasSubstr("`training.finished`")));
  EXPECT_THAT(site, ::testing::HasSubstr("| `training.finished` | info | "));
  EXPECT_THAT(site, ::testing::Not(::testing::HasSubstr("`round.committed`")));
  for (const std::string& text : {hub, site}) {
    EXPECT_THAT(text, ::testing::HasSubstr("| `storage.failed` | error | "));
  }
}

// The page a person reads has every event with its fields.
TEST(EventTable, StandsInTheDoorPlatesOfBothSides) {
  const std::string root = TRIBUTARY_SOURCE_DIR;
  for (const auto& [page, side] : {std::pair{"/coordinator/README.md", EventSide::kCoordinator},
                                   std::pair{"/client/README.md", EventSide::kClient}}) {
    std::ostringstream text;
    text << std::ifstream(root + page).rdbuf();
    EXPECT_THAT(text.str(), ::testing::HasSubstr(describe_events(side)))
        << page << " must hold this table:\n"
        << describe_events(side);
  }
}

struct Use {
  std::string where;
  std::vector<std::string> names;  // more than one where a condition chooses
  std::set<std::string> fields;
  bool of_task = false;  // report_task adds the fields of the task's key
};

// Each place that tells an event, up to the end of the statement: Report{"a.b", report("a.b",
// record("a.b" ...
std::vector<Use> uses_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  static const std::regex start(
      R"((Report(?:\s+\w+)?\{|report\(|report_task\(|record\(|relay\()[^;{]*?"([a-z]+\.[a-z_]+)\")");
  static const std::regex name(R"(\"([a-z]+\.[a-z_]+)\")");
  static const std::regex field(R"(\{\"([a-z0-9_]+)\",)");
  std::vector<Use> uses;
  for (std::sregex_iterator it(text.begin(), text.end(), start), end; it != end; ++it) {
    const auto from = static_cast<std::size_t>(it->position());
    const std::string statement = text.substr(from, text.find(';', from) - from);
    Use use{
        file.filename().string() + ": " + (*it)[2].str(), {}, {}, (*it)[1].str() == "report_task("};
    const std::string head = statement.substr(0, statement.find("{{"));
    for (std::sregex_iterator n(head.begin(), head.end(), name); n != end; ++n)
      use.names.push_back((*n)[1]);
    for (std::sregex_iterator f(statement.begin(), statement.end(), field); f != end; ++f) {
      use.fields.insert((*f)[1]);
    }
    uses.push_back(std::move(use));
  }
  return uses;
}

void check_use(const Use& use, EventSide other) {
  std::set<std::string> known;  // of any of the names: a condition may choose the fields too
  for (const std::string& name : use.names) {
    const EventInfo* event = find_event(name);
    ASSERT_NE(event, nullptr) << use.where << ": add " << name
                              << " to common/telemetry/event_table.h";
    EXPECT_NE(event->side, other) << use.where << ": " << name
                                  << " is listed for the other side only";
    known.merge(words(event->fields));
  }
  for (const std::string& field : use.fields) {
    EXPECT_TRUE(known.contains(field))
        << use.where << ": the table does not list its field " << field;
  }
  if (!use.of_task) return;
  for (const char* field : {"job", "round", "attempt", "task"}) {
    EXPECT_TRUE(known.contains(field)) << use.where << ": the table does not list " << field;
  }
}

void check_side(const std::string& folder, EventSide other) {
  int found = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(TRIBUTARY_SOURCE_DIR + folder)) {
    if (entry.path().extension() != ".cc" && entry.path().extension() != ".h") continue;
    for (const Use& use : uses_in(entry.path())) {
      ++found;
      check_use(use, other);
    }
  }
  EXPECT_GT(found, 5) << "the search finds nothing any more";
}

TEST(EventTable, HasNoEventThatNobodyReports) {
  std::string sources;
  for (const char* folder : {"/coordinator", "/client", "/common"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(TRIBUTARY_SOURCE_DIR +
                                                                           std::string(folder))) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream in(entry.path());
      sources.append(std::istreambuf_iterator<char>(in), {});
    }
  }
  for (const EventInfo& event : kEvents) {
    EXPECT_NE(sources.find('"' + std::string(event.name) + '"'), std::string::npos)
        << event.name << " is in the table and nowhere else";
  }
}

TEST(EventTable, KnowsWhatTheCoordinatorReports) { check_side("/coordinator", EventSide::kClient); }
TEST(EventTable, KnowsWhatTheClientReports) { check_side("/client", EventSide::kCoordinator); }

}  // namespace
}  // namespace tributary
