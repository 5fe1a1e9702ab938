// SPDX-License-Identifier: Apache-2.0
#include "client/report/html_page.h"

#include <charconv>

#include "common/base/assert.h"
#include "common/base/text.h"

namespace tributary {
namespace {

constexpr std::string_view kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{padding:.2rem .7rem;border-bottom:1px "
    "solid #ddd;text-align:left}td.number{text-align:right;font-variant-numeric:tabular-nums}"
    "figure{margin:1rem 0}figcaption{color:#555;font-size:.9rem}.row{display:flex;flex-wrap:wrap;"
    "gap:1rem}img{image-rendering:pixelated}";

bool is_number(std::string_view cell) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  return error == std::errc() && end == cell.data() + cell.size();
}

}  // namespace

std::string escaped_html(std::string_view text) {
  std::string out;
  for (const char c : escaped(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

HtmlPage::HtmlPage(std::string_view title) : title_(escaped_html(title)) {}

void HtmlPage::heading(std::string_view text) { body_ += "<h2>" + escaped_html(text) + "</h2>\n"; }

void HtmlPage::text(std::string_view paragraph) {
  body_ += "<p>" + escaped_html(paragraph) + "</p>\n";
}

void HtmlPage::table(const Cells& head, const std::vector<Cells>& rows) {
  body_ += "<table><tr>";
  for (const std::string& cell : head) body_ += "<th>" + escaped_html(cell) + "</th>";
  body_ += "</tr>\n";
  for (const Cells& row : rows) {
    TRIB_ASSERT(row.size() == head.size(), "as many cells as columns");
    body_ += "<tr>";
    for (const std::string& cell : row) {
      body_ += is_number(cell) ? "<td class=\"number\">" : "<td>";
      body_ += escaped_html(cell) + "</td>";
    }
    body_ += "</tr>\n";
  }
  body_ += "</table>\n";
}

void HtmlPage::figure(std::string_view image, std::string_view caption) {
  body_ += "<figure>" + std::string(image) + "<figcaption>" + escaped_html(caption) +
           "</figcaption></figure>\n";
}

void HtmlPage::begin_row() { body_ += "<div class=\"row\">\n"; }
void HtmlPage::end_row() { body_ += "</div>\n"; }

std::string HtmlPage::finished() const {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width\"><title>" +
         title_ + "</title><style>" + std::string(kStyle) + "</style></head><body>\n<h1>" + title_ +
         "</h1>\n" + body_ + "</body></html>\n";
}

}  // namespace tributary
