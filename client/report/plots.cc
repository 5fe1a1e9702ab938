// SPDX-License-Identifier: Apache-2.0
#include "client/report/plots.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "client/report/html_page.h"
#include "common/base/assert.h"

namespace tributary {
namespace {

constexpr double kWidth = 480, kHeight = 240, kLeft = 56, kBottom = 40, kTop = 24, kRight = 8;
constexpr double kLetter = 6.0;  // width of one, about
// Told apart by people who see few colours (Okabe and Ito).
constexpr std::array<const char*, 6> kColours = {"#0072b2", "#e69f00", "#009e73",
                                                 "#cc79a7", "#56b4e9", "#d55e00"};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}
std::string place(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

struct Range {
  double low = 0.0;
  double high = 0.0;
  double span() const { return high > low ? high - low : 1.0; }
};

Range range_of(std::span<const double> values) {
  Range range;
  bool first = true;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    range.low = first ? value : std::min(range.low, value);
    range.high = first ? value : std::max(range.high, value);
    first = false;
  }
  return range;
}

// Frame, scales and names; what is drawn in it uses x() and y().
class Canvas {
 public:
  // `below`: room for names under the scale.
  Canvas(Range across, Range up, double below = 0.0) : x_(across), y_(up) {
    out_ = "<svg width=\"" + place(kWidth) + "\" height=\"" + place(kHeight + below) +
           "\" font-family=\"sans-serif\" font-size=\"11\">";
    out_ += "<path d=\"M" + place(kLeft) + " " + place(kTop) + "V" + place(kHeight - kBottom) +
            "H" + place(kWidth - kRight) + "\" fill=\"none\" stroke=\"#888\"/>";
    for (int i = 0; i <= 4; ++i) {
      const double value = y_.low + y_.span() * i / 4;
      text(kLeft - 6, y(value) + 4, "end", number(value));
    }
  }
  double x(double value) const {
    return kLeft + (value - x_.low) / x_.span() * (kWidth - kLeft - kRight);
  }
  double y(double value) const {
    return kHeight - kBottom - (value - y_.low) / y_.span() * (kHeight - kBottom - kTop);
  }
  void text(double left, double base, const char* anchor, std::string_view words) {
    out_ += "<text x=\"" + place(left) + "\" y=\"" + place(base) + "\" text-anchor=\"" + anchor +
            "\">" + escaped_html(words) + "</text>";
  }
  // Ends there, and comes up from the left.
  void slanted(double right, double base, std::string_view words) {
    out_ += "<text transform=\"translate(" + place(right) + "," + place(base) +
            ") rotate(-40)\" text-anchor=\"end\">" + escaped_html(words) + "</text>";
  }
  void x_axis() {
    for (int i = 0; i <= 4; ++i) {
      const double value = x_.low + x_.span() * i / 4;
      text(x(value), kHeight - kBottom + 16, "middle", number(value));
    }
  }
  void legend(const std::vector<Series>& series) {
    double at = kLeft;
    for (std::size_t i = 0; i < series.size(); ++i) {
      box(at, 6, 10, 10, colour(i));
      text(at + 14, 15, "start", series[i].name);
      at += 28 + 7.0 * static_cast<double>(series[i].name.size());
    }
  }
  void box(double left, double top, double width, double height, std::string_view fill) {
    out_ += "<rect x=\"" + place(left) + "\" y=\"" + place(top) + "\" width=\"" + place(width) +
            "\" height=\"" + place(height) + "\" fill=\"" + std::string(fill) + "\"/>";
  }
  void add(const std::string& element) { out_ += element; }
  std::string finished() const { return out_ + "</svg>"; }
  static std::string colour(std::size_t index) { return kColours[index % kColours.size()]; }

 private:
  Range x_, y_;
  std::string out_;
};

std::vector<double> together(const std::vector<Series>& series) {
  std::vector<double> all;
  for (const Series& one : series) {
    all.insert(all.end(), one.values.begin(), one.values.end());
    for (std::size_t i = 0; i < std::min(one.spread.size(), one.values.size()); ++i)
      all.insert(all.end(), {one.values[i] - one.spread[i], one.values[i] + one.spread[i]});
  }
  return all;
}

// From value - spread to value + spread, over the middle of a bar.
void draw_spread(Canvas& canvas, const Series& series, std::size_t i, double across) {
  if (i >= series.spread.size() || !std::isfinite(series.spread[i])) return;
  const double low = canvas.y(series.values[i] - series.spread[i]);
  const double high = canvas.y(series.values[i] + series.spread[i]);
  canvas.add("<path d=\"M" + place(across) + " " + place(low) + "V" + place(high) +
             "\" stroke=\"#222\"/>");
}

// Blue, white, red.
std::string heat_colour(double share) {
  const double strength = std::clamp(std::abs(share), 0.0, 1.0);
  const int faded = static_cast<int>(std::lround(255 * (1.0 - strength)));
  const int red = share >= 0 ? 255 : faded, blue = share >= 0 ? faded : 255;
  char text[16];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", red, faded, blue);
  return text;
}

}  // namespace

std::string bar_plot(const std::vector<std::string>& labels, const std::vector<Series>& series) {
  Range y = range_of(together(series));
  y.low = std::min(y.low, 0.0);
  y.high = std::max(y.high, 0.0);
  const double count = static_cast<double>(std::max<std::size_t>(labels.size(), 1));
  // A name that is longer than its bars are wide would stand in the next one.
  const std::size_t every = std::max<std::size_t>((labels.size() + 11) / 12, 1);
  std::size_t longest = 0;
  for (const std::string& label : labels) longest = std::max(longest, label.size());
  const double letters = kLetter * static_cast<double>(longest);
  const bool slanted = letters > static_cast<double>(every) * (kWidth - kLeft - kRight) / count;
  Canvas canvas({0.0, count}, y, slanted ? 0.65 * letters : 0.0);
  const double width = 0.8 / static_cast<double>(std::max<std::size_t>(series.size(), 1));
  for (std::size_t s = 0; s < series.size(); ++s) {
    for (std::size_t i = 0; i < std::min(series[s].values.size(), labels.size()); ++i) {
      const double value = series[s].values[i];
      if (!std::isfinite(value)) continue;
      const double left = canvas.x(static_cast<double>(i) + 0.1 + width * static_cast<double>(s));
      const double top = canvas.y(std::max(value, 0.0)), bottom = canvas.y(std::min(value, 0.0));
      const double across = canvas.x(width) - canvas.x(0.0);
      canvas.box(left, top, across, bottom - top, Canvas::colour(s));
      draw_spread(canvas, series[s], i, left + across / 2);
    }
  }
  for (std::size_t i = 0; i < labels.size(); i += every) {
    const double middle = canvas.x(static_cast<double>(i) + 0.5);
    if (slanted) {
      canvas.slanted(middle + 4, kHeight - kBottom + 12, labels[i]);
    } else {
      canvas.text(middle, kHeight - kBottom + 16, "middle", labels[i]);
    }
  }
  canvas.legend(series);
  return canvas.finished();
}

std::string line_plot(const std::vector<double>& x, const std::vector<Series>& series) {
  Canvas canvas(range_of(x), range_of(together(series)));
  for (std::size_t s = 0; s < series.size(); ++s) {
    std::string points;
    for (std::size_t i = 0; i < std::min(series[s].values.size(), x.size()); ++i) {
      if (!std::isfinite(series[s].values[i]) || !std::isfinite(x[i])) continue;
      points += place(canvas.x(x[i])) + "," + place(canvas.y(series[s].values[i])) + " ";
    }
    canvas.add("<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + Canvas::colour(s) +
               "\" stroke-width=\"1.5\"/>");
  }
  canvas.x_axis();
  canvas.legend(series);
  return canvas.finished();
}

std::string scatter_plot(std::span<const double> x, std::span<const double> y) {
  Canvas canvas(range_of(x), range_of(y));
  for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    canvas.add("<circle cx=\"" + place(canvas.x(x[i])) + "\" cy=\"" + place(canvas.y(y[i])) +
               "\" r=\"2\" fill=\"#0072b2\" fill-opacity=\"0.5\"/>");
  }
  canvas.x_axis();
  return canvas.finished();
}

std::string heat_map(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                     std::span<const double> values, double most) {
  TRIB_ASSERT(values.size() == rows.size() * columns.size(), "one value for each cell");
  constexpr double kCell = 28, kNames = 120;
  const double width = kNames + kCell * static_cast<double>(columns.size());
  const double height = kNames + kCell * static_cast<double>(rows.size());
  std::string out = "<svg width=\"" + place(width) + "\" height=\"" + place(height) +
                    "\" font-family=\"sans-serif\" font-size=\"11\">";
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const double x = kNames + kCell * (static_cast<double>(c) + 0.6);
    out += "<text transform=\"translate(" + place(x) + "," + place(kNames - 6) +
           ") rotate(-60)\">" + escaped_html(columns[c]) + "</text>";
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const double y = kNames + kCell * static_cast<double>(r);
    out += "<text x=\"" + place(kNames - 6) + "\" y=\"" + place(y + 18) +
           "\" text-anchor=\"end\">" + escaped_html(rows[r]) + "</text>";
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const double value = values[r * columns.size() + c];
      if (!std::isfinite(value)) continue;
      out += "<rect x=\"" + place(kNames + kCell * static_cast<double>(c)) + "\" y=\"" + place(y) +
             "\" width=\"" + place(kCell) + "\" height=\"" + place(kCell) + "\" fill=\"" +
             heat_colour(value / most) + "\"><title>" + number(value) + "</title></rect>";
    }
  }
  return out + "</svg>";
}

}  // namespace tributary
