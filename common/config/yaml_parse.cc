// SPDX-License-Identifier: Apache-2.0
// The only user of yaml-cpp: its event interface, so that no anchor is ever expanded and depth is
// bounded as we read.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/config/yaml_tree.h"

namespace tributary {
namespace {

Place place_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

struct Refused {
  Place place;
  std::string text;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<ConfigFault>& faults) : faults_(faults) {}

  YamlNode take() && { return std::move(root_); }
  bool saw_document() const { return documents_ > 0; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) throw Refused{place_of(mark), "a second document starts; one is allowed"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    YamlNode node;
    node.place = place_of(mark);
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{place_of(mark), "aliases (*name) are not allowed; write the value out"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    refuse_tag(mark, tag);
    YamlNode node;
    node.kind = YamlNode::Kind::kScalar;
    node.place = place_of(mark);
    node.scalar = value;
    node.in_quotes = tag == "!";
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    YamlNode node;
    bool has_key = false;
    std::string key;
    Place key_place;
    std::string path;
  };

  // yaml-cpp tells a plain value by the tag "?" and a quoted one by "!"; anything else was written
  // by hand.
  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Refused{place_of(mark),
                  "tags such as " + quoted(tag) + " are not allowed; write the plain value"};
  }

  void open(const YAML::Mark& mark, const std::string& tag, YamlNode::Kind kind) {
    refuse_tag(mark, tag);
    if (stack_.size() >= limits::kConfigDepthMax) {
      throw Refused{place_of(mark),
                    "nested deeper than " + std::to_string(limits::kConfigDepthMax) + " levels"};
    }
    refuse_as_key(place_of(mark));
    Level level;
    level.node.kind = kind;
    level.node.place = place_of(mark);
    level.path = path_here();
    stack_.push_back(std::move(level));
  }

  void close() {
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& top = stack_.back();
    if (top.node.kind == YamlNode::Kind::kList) {
      top.node.items.push_back(std::move(node));
    } else if (!top.has_key) {
      if (node.kind != YamlNode::Kind::kScalar) refuse_as_key(node.place);
      top.key = std::move(node.scalar);
      top.key_place = node.place;
      top.has_key = true;
    } else {
      top.has_key = false;
      add_entry(top, std::move(node));
    }
  }

  void add_entry(Level& top, YamlNode value) {
    const auto [found, fresh] = top.node.index.try_emplace(top.key, top.node.entries.size());
    if (!fresh) {
      const Place first = top.node.entries[found->second].place;
      faults_.push_back({top.key_place, top.path + escaped(top.key),
                         "this key stands twice, first in line " + std::to_string(first.line)});
      return;
    }
    top.node.entries.push_back({std::move(top.key), top.key_place, std::move(value), false});
  }

  // A map, list or nothing where the key of a map is due.
  void refuse_as_key(Place place) const {
    if (stack_.empty()) return;
    const Level& top = stack_.back();
    if (top.node.kind == YamlNode::Kind::kMap && !top.has_key) {
      throw Refused{place, "a key must be a plain word"};
    }
  }

  std::string path_here() const {
    if (stack_.empty()) return "";
    const Level& top = stack_.back();
    if (top.node.kind == YamlNode::Kind::kMap) return top.path + escaped(top.key) + ".";
    const std::string list = top.path.empty() ? "" : top.path.substr(0, top.path.size() - 1);
    return list + "[" + std::to_string(top.node.items.size()) + "].";
  }

  std::vector<ConfigFault>& faults_;
  std::vector<Level> stack_;
  YamlNode root_;
  int documents_ = 0;
};

Error refused(Place place, const std::string& text) {
  return make_error(ErrorCode::kInvalidArgument,
                    std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + text);
}

// yaml-cpp reads other encodings too, and control characters in keys; we do not.
Status check_characters(const std::string& text) {
  int line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      ++line;
      line_start = i + 1;
    } else if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
      return refused(
          {line, static_cast<int>(i - line_start) + 1},
          "a control character, " + quoted(text.substr(i, 1)) + "; this is no text file");
    }
  }
  if (!is_utf8(text)) return refused({1, 1}, "the file is not UTF-8 text");
  return {};
}

// Whether the line, counted from 0, is indented with tabs: yaml-cpp only says that something is
// illegal there.
bool indented_with_tab(const std::string& text, int line) {
  std::istringstream in(text);
  std::string found;
  for (int i = 0; i <= line; ++i) std::getline(in, found);
  return found.find('\t') < found.find_first_not_of(" \t");
}

}  // namespace

Result<YamlNode> parse_yaml(const std::string& text, std::vector<ConfigFault>& faults) {
  TRIB_CHECK_OK(check_characters(text));
  TreeBuilder builder(faults);
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& what) {
    return refused(what.place, what.text);
  } catch (const YAML::Exception& what) {
    if (indented_with_tab(text, what.mark.line)) {
      return refused(place_of(what.mark), "the line is indented with a tab; write blanks");
    }
    return refused(place_of(what.mark), "this is not valid YAML: " + escaped(what.msg));
  } catch (const std::exception& what) {
    return refused({1, 1}, std::string("this could not be read: ") + escaped(what.what()));
  }
  if (!builder.saw_document()) return refused({1, 1}, "the file is empty");
  return std::move(builder).take();
}

}  // namespace tributary
