// SPDX-License-Identifier: Apache-2.0
// HtmlPage: one page in one file, with nothing to fetch: it opens without a network, and can be
// handed on. Every text is escaped. One owner, one thread. It knows no figure's meaning, and writes
// no file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tributary {

using Cells = std::vector<std::string>;

class HtmlPage {
 public:
  explicit HtmlPage(std::string_view title);

  void heading(std::string_view text);
  void text(std::string_view paragraph);
  // Each row as long as `head`. Cells that are numbers stand at the right.
  void table(const Cells& head, const std::vector<Cells>& rows);
  // `image`: what plots.h gives, taken as it is.
  void figure(std::string_view image, std::string_view caption);
  // Figures until end_row() stand side by side where there is room.
  void begin_row();
  void end_row();

  std::string finished() const;

 private:
  std::string title_;
  std::string body_;
};

// & < > " ' as HTML wants them, bytes that are no UTF-8 and control characters made visible.
std::string escaped_html(std::string_view text);

}  // namespace tributary
