// SPDX-License-Identifier: Apache-2.0
#include "common/storage/script_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <cctype>
#include <memory>
#include <string>

#include "common/base/text.h"
#include "common/domain/script_operators.h"

namespace tributary {
namespace {

constexpr std::size_t kTextBytesMax = 64u << 20;  // of all code of a module
using Reader = std::unique_ptr<archive, int (*)(archive*)>;

Error wrong(const std::string& why) {
  return make_error(ErrorCode::kInvalidArgument, "the module is no file of torch.jit.save: " + why);
}

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// A line of code without what stands in quotes or behind a #.
std::string bare(std::string_view line) {
  std::string kept;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == '\\') {
        ++i;
      } else if (c == quote) {
        quote = 0;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      break;
    } else {
      kept += c;
    }
  }
  return kept;
}

std::string_view word_at(std::string_view line, std::size_t at) {
  std::size_t end = at;
  while (end < line.size() && in_word(line[end])) ++end;
  return line.substr(at, end - at);
}

// The code of one class as Torch writes it: `torch.NAME(` and `ops.SPACE.NAME(` run operators.
class Source {
 public:
  // "archive/code/__torch__/models/net.py": what its functions are called begins with the path.
  explicit Source(std::string_view path) {
    const std::size_t code = path.find("code/");
    path.remove_prefix(code + 5);
    path.remove_suffix(3);
    for (const char c : path) module_ += c == '/' ? '.' : c;
  }

  Status check(std::string_view text) {
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      const std::string code = bare(line);
      if (line.starts_with("class ")) class_ = "." + std::string(word_at(line, 6));
      const std::size_t def = code.find_first_not_of(' ');
      if (def != std::string::npos && code.substr(def).starts_with("def ")) {
        if (def == 0) class_.clear();
        function_ = std::string(word_at(code, def + 4));
      }
      TRIB_CHECK_OK(check_line(code));
    }
    return {};
  }

 private:
  Status check_line(std::string_view code) const {
    for (const std::string_view start : {"torch.", "ops."}) {
      for (std::size_t at = code.find(start); at != std::string_view::npos;
           at = code.find(start, at + 1)) {
        if (at > 0 && (in_word(code[at - 1]) || code[at - 1] == '.')) continue;
        std::string_view space = "aten";
        std::size_t name_at = at + start.size();
        if (start == "ops.") {
          space = word_at(code, name_at);
          name_at += space.size() + 1;
          if (name_at > code.size()) continue;
        }
        const std::string_view name = word_at(code, name_at);
        const std::size_t end = name_at + name.size();
        if (name.empty() || end >= code.size() || code[end] != '(') continue;
        const std::string whole = std::string(space) + "::" + std::string(name);
        if (!is_allowed_operator(whole)) return refuse(whole);
      }
    }
    return {};
  }

  Status refuse(const std::string& name) const {
    return make_error(
        ErrorCode::kPermissionDenied,
        "the module's function " + quoted(module_ + class_ + "." + function_) + " runs " +
            quoted(name) +
            ", which sites do not let a module run: it was scripted by a newer torch than the "
            "sites' LibTorch, or does more than compute; write it with other operators");
  }

  std::string module_, class_, function_;
};

Result<std::string> text_of_entry(const Reader& zip, std::size_t room) {
  std::string text;
  std::array<char, 1 << 14> part;
  for (;;) {
    const la_ssize_t size = archive_read_data(zip.get(), part.data(), part.size());
    if (size < 0) return wrong("a file of it is damaged");
    if (size == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(size));
    if (text.size() > room) return wrong("its code is over 64 MiB");
  }
}

}  // namespace

Status check_script(ByteView module) {
  const Reader zip(archive_read_new(), &archive_read_free);
  archive_read_support_format_zip_seekable(zip.get());
  if (archive_read_open_memory(zip.get(), module.data(), module.size()) != ARCHIVE_OK)
    return wrong("it is no ZIP");
  std::size_t room = kTextBytesMax, sources = 0;
  archive_entry* entry = nullptr;
  int next = 0;
  while ((next = archive_read_next_header(zip.get(), &entry)) == ARCHIVE_OK) {
    const char* raw = archive_entry_pathname(entry);
    const std::string path = raw == nullptr ? "" : raw;
    if (path.find("code/") == std::string::npos || !path.ends_with(".py")) continue;
    TRIB_TRY(text, text_of_entry(zip, room));
    room -= text.size();
    ++sources;
    TRIB_CHECK_OK(Source(path).check(text));
  }
  if (next != ARCHIVE_EOF) return wrong("it is cut short, or no ZIP");
  return sources > 0 ? Status{} : wrong("it has no code; save it with torch.jit.script(...).save");
}

}  // namespace tributary
