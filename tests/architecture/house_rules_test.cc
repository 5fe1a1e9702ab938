// SPDX-License-Identifier: Apache-2.0
// The house rules as a test over the source tree: sizes, banned calls, coroutines, door plates,
// tests for every room, and that the coordinator does not link LibTorch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace tributary {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = TRIBUTARY_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Sources of ours, as paths from the root.
std::vector<std::string> sources() {
  std::vector<std::string> found;
  for (const char* top : {"common", "coordinator", "client", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      const fs::path path = entry.path();
      if (path.extension() == ".h" || path.extension() == ".cc")
        found.push_back(fs::relative(path, kRoot).string());
    }
  }
  return found;
}

bool is_test(const std::string& path) { return path.starts_with("tests/"); }

TEST(HouseRules, SourcesKeepTheirSize) {
  const auto all = sources();
  ASSERT_GT(all.size(), 100u) << "the tree was found";
  for (const std::string& path : all) {
    const std::size_t most = is_test(path) ? 600 : path.ends_with(".h") ? 200 : 400;
    EXPECT_LE(lines_of(kRoot / path).size(), most)
        << path << ": a concept is missing, not a higher limit";
  }
}

// Where the statement starts that goes on in line `at`.
std::size_t start_of(const std::vector<std::string>& lines, std::size_t at) {
  static const std::regex ends(R"((^|.*[;{}:])( *//.*)?$|^ *(//|#|template).*)");
  while (at > 0 && !std::regex_match(lines[at - 1], ends)) --at;
  return at;
}

// Lines of the body that opens in line `at`; none where no function opens there. clang-format puts
// the closing brace under the start of the statement that opens.
std::optional<std::size_t> body_size(const std::vector<std::string>& lines, std::size_t at) {
  static const std::regex lambda(
      R"(.*\[[^\]]*\] ?(\(|\{).*)");  // lies in a function that is measured
  if (!lines[at].ends_with(" {") || lines[at].find(')') == std::string::npos ||
      std::regex_match(lines[at], lambda)) {
    return std::nullopt;
  }
  const std::string& head = lines[start_of(lines, at)];
  static const std::regex control(
      R"(^ *(if|for|while|switch|else|do|catch|try|\}|case)\b.*|^ *\}.*)");
  if (std::regex_match(head, control)) return std::nullopt;
  const std::string closes = std::string(head.find_first_not_of(' '), ' ') + "}";
  for (std::size_t i = at + 1; i < lines.size(); ++i) {
    if (lines[i].starts_with(closes)) return i - at;
  }
  return std::nullopt;
}

TEST(HouseRules, FunctionsKeepTheirSize) {
  std::size_t functions = 0;
  for (const std::string& path : sources()) {
    const auto lines = lines_of(kRoot / path);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::optional<std::size_t> size = body_size(lines, i);
      if (!size) continue;
      ++functions;
      EXPECT_LE(*size, 60u) << path << ":" << i + 1;
    }
  }
  EXPECT_GT(functions, 1000u) << "the search finds them";
}

TEST(HouseRules, EverySourceNamesItsLicenseAndHeadersAreGuarded) {
  for (const std::string& path : sources()) {
    const auto lines = lines_of(kRoot / path);
    ASSERT_FALSE(lines.empty()) << path;
    EXPECT_EQ(lines[0], "// SPDX-License-Identifier: Apache-2.0") << path;
    if (!path.ends_with(".h")) continue;
    EXPECT_NE(text_of(kRoot / path).find("#pragma once"), std::string::npos) << path;
  }
}

// A program has room for one class of a name: of two the linker takes parts of either.
TEST(HouseRules, WhatIsLinkedTogetherHasNoTwoClassesOfAName) {
  static const std::regex space(R"(namespace (tributary(?:::\w+)*) \{)");
  static const std::regex defined(R"((?:class|struct|enum class) (\w+)[^;]*\{.*)");
  const auto is_program = [](const std::string& path) {
    return path.starts_with("client/daemon/") || path.starts_with("client/simulate/") ||
           path.starts_with("coordinator/ctl/") || path.starts_with("coordinator/daemon/");
  };
  std::map<std::string, std::set<std::string>> places;
  for (const std::string& path : sources()) {
    if (is_test(path) || !path.ends_with(".h")) continue;
    std::string in;
    std::smatch found;
    for (const std::string& line : lines_of(kRoot / path)) {
      if (std::regex_match(line, found, space)) in = found[1];
      if (std::regex_match(line, found, defined)) places[in + "::" + found[1].str()].insert(path);
    }
  }
  ASSERT_GT(places.size(), 200u) << "the classes were found";
  for (const auto& [name, paths] : places) {
    const bool apart = std::ranges::all_of(paths, is_program);
    EXPECT_TRUE(apart || paths.size() == 1) << name << ": " << testing::PrintToString(paths);
  }
}

TEST(HouseRules, CallsThatAreBannedStandOnlyInTheirOnePlace) {
  struct Ban {
    const char* pattern;
    std::set<std::string> places;
  };
  const std::vector<Ban> bans = {{R"(system_clock::now)", {"common/base/clock.cc"}},
                                 {R"(\bsleep_for\b|\busleep\()", {}},
                                 {R"(\bstd::rand\b|\bsrand\()", {}},
                                 {R"(#include <boost/asio\.hpp>)", {}},
                                 {"TO"
                                  "DO|FIX"
                                  "ME",
                                  {}},
                                 {R"(\bstd::mt19937)", {}}};
  for (const std::string& path : sources()) {
    if (path == "tests/architecture/house_rules_test.cc") continue;
    const std::string text = text_of(kRoot / path);
    for (const Ban& ban : bans) {
      if (ban.places.contains(path)) continue;
      EXPECT_FALSE(std::regex_search(text, std::regex(ban.pattern))) << path << ": " << ban.pattern;
    }
  }
}

// g++ 12.2 destroys temporaries of a co_await expression twice.
TEST(HouseRules, CoAwaitLinesHoldACallWithNamedArgumentsOnly) {
  for (const std::string& path : sources()) {
    const auto lines = lines_of(kRoot / path);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::size_t at = lines[i].find("co_await ");
      if (at == std::string::npos || lines[i].find("//") < at || lines[i].find('"') < at) continue;
      const std::string rest = lines[i].substr(at);
      EXPECT_EQ(rest.find('['), std::string::npos) << path << ":" << i + 1 << " a lambda";
      EXPECT_EQ(rest.find(" ? "), std::string::npos) << path << ":" << i + 1 << " ?:";
      const std::size_t brace = rest.find('{');
      EXPECT_EQ(brace, std::string::npos) << path << ":" << i + 1 << " braces";
    }
  }
}

TEST(HouseRules, ForeignTypesStayInTheirRooms) {
  struct Wall {
    const char* include;
    std::vector<std::string> rooms;
  };
  const std::vector<Wall> walls = {
      {"<torch/", {"client/learning/", "tests/"}},
      {".pb.h\"", {"common/wire/"}},
      {"<ATen/", {"client/learning/", "tests/"}},
      {"<c10/", {"client/learning/", "tests/"}},
      {"<google/protobuf/", {"common/wire/"}},
      {"<boost/asio/",
       {"common/transport/", "client/daemon/", "client/simulate/", "coordinator/service/",
        "coordinator/ctl/", "tests/"}},
      {"<yaml-cpp/", {"common/config/"}},
      {"<zstd.h>", {"common/tensor/", "tests/"}},
      {"<sqlite3.h>", {"client/data/", "coordinator/service/", "tests/"}},
      {"<libpq-fe.h>", {"client/data/", "tests/"}},
      {"<png.h>", {"client/data/", "client/report/", "tests/"}},
      {"<jpeglib.h>", {"client/data/", "tests/"}},
      {"<dcmtk/", {"client/data/", "tests/"}},
      {"<openssl/", {"common/crypto/", "common/transport/", "tests/"}}};
  for (const std::string& path : sources()) {
    if (path == "tests/architecture/house_rules_test.cc") continue;
    for (const std::string& line : lines_of(kRoot / path)) {
      if (!line.starts_with("#include")) continue;
      for (const Wall& wall : walls) {
        if (line.find(wall.include) == std::string::npos) continue;
        const bool allowed = std::ranges::any_of(
            wall.rooms, [&](const std::string& room) { return path.starts_with(room); });
        EXPECT_TRUE(allowed) << path << ": " << line;
      }
    }
  }
}

TEST(HouseRules, EveryRoomHasItsDoorPlateAndItsTests) {
  for (const std::string& path : sources()) {
    if (is_test(path)) continue;
    const fs::path room = fs::path(path).parent_path();
    if (!fs::exists(kRoot / room / "CMakeLists.txt")) continue;  // a folder of plug-ins
    EXPECT_TRUE(fs::exists(kRoot / room / "README.md")) << room << " has no README.md";
    const bool program =
        text_of(kRoot / room / "CMakeLists.txt").find("tributary_executable") != std::string::npos;
    if (!program) {
      EXPECT_TRUE(fs::exists(kRoot / "tests/unit" / room / "CMakeLists.txt"))
          << "tests/unit/" << room.string() << " is missing";
    }
  }
}

std::string needed_libraries(const std::string& program) {
  const std::string command = "ldd " + std::string(TRIBUTARY_BIN_DIR) + "/" + program;
  std::string text;
  FILE* pipe = ::popen(command.c_str(), "r");
  char step[4096];
  for (std::size_t got = 0; pipe != nullptr && (got = std::fread(step, 1, sizeof step, pipe)) > 0;)
    text.append(step, got);
  if (pipe != nullptr) ::pclose(pipe);
  return text;
}

TEST(HouseRules, TheCoordinatorDoesNotLinkLibTorch) {
  for (const char* program : {"tributary-coordinator", "tributaryctl"}) {
    const std::string libraries = needed_libraries(program);
    EXPECT_NE(libraries.find("libc.so"), std::string::npos) << "ldd worked";
    EXPECT_EQ(libraries.find("libtorch"), std::string::npos) << program;
    EXPECT_EQ(libraries.find("libc10"), std::string::npos) << program;
  }
}

TEST(HouseRules, TheTopLevelIsTheOneAgreedOn) {
  const std::set<std::string> agreed = {
      "proto", "common",         "coordinator",       "client",    "tests",  "deploy",
      "build", "CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE"};
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name.starts_with(".") || agreed.contains(name)) << name;
  }
}

}  // namespace
}  // namespace tributary
