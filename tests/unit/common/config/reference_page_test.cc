// SPDX-License-Identifier: Apache-2.0
// deploy/reference/README.md against the readers and the catalogue: nothing that may be written is
// missing there, its examples parse, and what it calls a default is one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <sstream>

#include "common/config/catalog.h"
#include "common/config/client_file.h"
#include "common/config/coordinator_file.h"
#include "common/config/federation_file.h"
#include "common/config/job_file.h"
#include "common/config/operator_file.h"
#include "common/config/policy_file.h"
#include "common/config/roles_file.h"

namespace tributary {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

const std::filesystem::path kRoot = TRIBUTARY_SOURCE_DIR;

struct Block {
  std::string kind;  // "job.yaml"
  std::string text;
};

class ReferencePage : public testing::Test {
 protected:
  // YAML between ```yaml KIND and ```.
  std::vector<Block> blocks() const {
    std::vector<Block> found;
    std::istringstream in(page_);
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("```")) {
        inside = line.starts_with("```yaml");
        if (inside) found.push_back({line.substr(std::min<std::size_t>(line.size(), 8)), ""});
      } else if (inside) {
        found.back().text += line + "\n";
      }
    }
    return found;
  }

  const std::string page_ = text_of(kRoot / "deploy/reference/README.md");
};

// Keys and words of choices are the string literals of the readers that are plain words.
TEST_F(ReferencePage, NamesEveryWordThatTheReadersKnow) {
  std::size_t words = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "common/config")) {
    const std::string source = text_of(entry.path());
    if (entry.path().extension() != ".cc" || source.find("Section") == std::string::npos) continue;
    if (entry.path().filename() == "yaml_reader.cc") continue;  // it knows no key
    static const std::regex kWord(R"re("([a-z][a-z_0-9]*)")re");
    for (std::sregex_iterator at(source.begin(), source.end(), kWord), end; at != end; ++at) {
      const std::string word = (*at)[1];
      ++words;
      EXPECT_TRUE(std::regex_search(page_, std::regex("\\b" + word + "\\b")))
          << entry.path().filename() << " knows '" << word << "', the page does not";
    }
  }
  EXPECT_GT(words, 100u) << "the readers were found";
}

std::string shown(const OptionValue& value) {
  const auto list = [](const auto& items, auto show) {
    std::string text;
    for (const auto& item : items) text += (text.empty() ? "" : ", ") + show(item);
    return "[" + text + "]";
  };
  const auto quote = [](const std::string& text) { return '"' + text + '"'; };
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* text = std::get_if<std::string>(&value)) {
    return std::regex_match(*text, std::regex("\\w+")) ? *text : quote(*text);
  }
  if (const auto* sizes = std::get_if<std::vector<std::int64_t>>(&value)) {
    return list(*sizes, [](std::int64_t size) { return std::to_string(size); });
  }
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) return list(*texts, quote);
  char text[32];
  std::snprintf(text, sizeof text, "%g", std::get<double>(value));
  return text;
}

std::string type_of(const OptionSchema& option) {
  const auto range = [&option](const char* what) {
    return what + std::string(" from ") + std::to_string(option.integers.min) + " to " +
           std::to_string(option.integers.max);
  };
  switch (option.type) {
    case OptionType::kFlag:
      return "`true` or `false`";
    case OptionType::kInteger:
      return range("integer");
    case OptionType::kIntegers:
      return range("list of integers");
    case OptionType::kNumber: {
      std::string text = option.numbers.above_min ? "number above " : "number, at least ";
      text += shown(option.numbers.min);
      return text + (option.numbers.max > 1e300 ? "" : ", below " + shown(option.numbers.max));
    }
    case OptionType::kText:
      return "text";
    case OptionType::kTexts:
      return "list of texts";
    case OptionType::kPath:
      return "path";
    case OptionType::kChoice: {
      std::string text;
      for (const auto& word : option.choices) text += (text.empty() ? "`" : ", `") + word + "`";
      return text;
    }
  }
  return "";
}

std::string table_of(const std::vector<PluginSchema>& plugins) {
  std::string text = "| Name | Option | Type | Default | What it is |\n|---|---|---|---|---|\n";
  for (const PluginSchema& plugin : plugins) {
    text += "| `" + plugin.name + "` | | | | " + plugin.help + " |\n";
    for (const OptionSchema& option : plugin.options) {
      text += "| | `" + option.name + "` | " + type_of(option) + " | " +
              (option.fallback ? "`" + shown(*option.fallback) + "`" : "required") + " | " +
              option.help + " |\n";
    }
  }
  return text;
}

TEST_F(ReferencePage, HasTheCataloguesTables) {
  for (const auto* plugins :
       {&model_families(), &client_algorithms(), &client_optimizers(), &training_objectives(),
        &augmentations(), &update_encodings(), &pre_aggregators(), &aggregation_rules(),
        &server_optimizers(), &learning_rate_schedules(), &data_loaders()}) {
    const std::string table = table_of(*plugins);
    EXPECT_NE(page_.find(table), std::string::npos) << "put this on the page:\n" << table;
  }
}

// The file without the lines of keys that are said to stand at their default.
std::string without_defaults(const std::string& text) {
  std::istringstream in(text);
  std::string kept;
  for (std::string line; std::getline(in, line);) {
    if (line.find("# default") == std::string::npos) kept += line + "\n";
  }
  return kept;
}

// Both as they stand on the page and without the defaults; what the two have alike is compared by
// `same`.
template <typename Config>
void expect_defaults(const Block& block,
                     Result<Config> (*parse)(const std::string&, const std::string&),
                     const std::function<bool(const Config&, const Config&)>& same) {
  const auto whole = parse(block.text, block.kind);
  const auto brief = parse(without_defaults(block.text), block.kind);
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_TRUE(brief) << brief.error().message;
  EXPECT_TRUE(same(*whole, *brief)) << "a default on the page is none";
}

bool same_log(const EventLogOptions& a, const EventLogOptions& b) {
  return a.level == b.level && a.json_on_stderr == b.json_on_stderr && a.file == b.file;
}

bool same_oidc(const std::optional<OidcConfig>& a, const std::optional<OidcConfig>& b) {
  return a.has_value() == b.has_value() && (!a || (a->rules.name_claim == b->rules.name_claim &&
                                                   a->rules.role_claim == b->rules.role_claim));
}

TEST_F(ReferencePage, ItsExamplesParseAndItsDefaultsAreThose) {
  std::map<std::string, int> seen;
  for (const Block& block : blocks()) {
    SCOPED_TRACE(block.text);
    ++seen[block.kind];
    if (block.kind == "job.yaml") {
      expect_defaults<JobFile>(block, parse_job,
                               [](const auto& a, const auto& b) { return a.spec == b.spec; });
    } else if (block.kind == "coordinator.yaml") {
      expect_defaults<CoordinatorConfig>(
          block, parse_coordinator_config, [](const auto& a, const auto& b) {
            return a.listen == b.listen && a.sites == b.sites && a.threads == b.threads &&
                   a.running_jobs == b.running_jobs && a.tasks_per_site == b.tasks_per_site &&
                   a.upload_memory == b.upload_memory && a.staging_memory == b.staging_memory &&
                   a.admission.rate == b.admission.rate &&
                   a.admission.sites_max == b.admission.sites_max && a.roles_file == b.roles_file &&
                   same_oidc(a.oidc, b.oidc) && same_log(a.log, b.log);
          });
    } else if (block.kind == "client.yaml") {
      expect_defaults<ClientConfig>(block, parse_client_config, [](const auto& a, const auto& b) {
        return a.server_name == b.server_name && a.datasets == b.datasets &&
               a.threads == b.threads && a.device == b.device &&
               a.checkpoint_every_ms == b.checkpoint_every_ms && a.policy_file == b.policy_file &&
               same_log(a.log, b.log);
      });
    } else if (block.kind == "policy.yaml") {
      expect_defaults<SitePolicy>(block, parse_site_policy,
                                  [](const auto& a, const auto& b) { return a == b; });
    } else if (block.kind == "tributaryctl.yaml") {
      expect_defaults<OperatorConfig>(
          block, parse_operator_config,
          [](const auto& a, const auto& b) { return a.server_name == b.server_name; });
    } else if (block.kind == "roles.yaml") {
      const auto matrix = parse_role_matrix(block.text, block.kind);
      ASSERT_TRUE(matrix) << matrix.error().message;
      EXPECT_EQ(*matrix, built_in_roles()) << "put this on the page:\n"
                                           << text_of(built_in_roles());
    } else if (block.kind == "federation.yaml") {
      const auto parse = [](const std::string& text, const std::string& name) {
        return parse_federation_config(text, name, {"lead", "auditor"});
      };
      expect_defaults<FederationConfig>(block, parse, [](const auto& a, const auto& b) {
        return a.coordinator == b.coordinator && a.port == b.port;
      });
    } else {
      ADD_FAILURE() << "no such kind of file: " << block.kind;
    }
  }
  EXPECT_EQ(seen.size(), 7u) << "one of each kind";
}

}  // namespace
}  // namespace tributary
