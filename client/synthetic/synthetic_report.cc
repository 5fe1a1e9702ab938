// SPDX-License-Identifier: Apache-2.0
#include "client/synthetic/synthetic_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "client/report/html_page.h"
#include "client/report/plots.h"
#include "common/base/short_number.h"

namespace tributary {
namespace {

std::string short_figure(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100.0 * share);
  return text;
}

void add_head(HtmlPage& page, const ReportInput& input, Detail detail) {
  if (detail == Detail::kFull) {
    page.text(
        "This page is made of real rows of this site, and shows what is in them. It stays here "
        "unless the site decides otherwise; --shareable makes one without histograms and "
        "pictures.");
  } else {
    page.text(
        "A summary: figures over all rows, and no histogram, picture or row of the site. Figures "
        "are made of its real rows all the same, and no noise was added to them.");
  }
  std::vector<Cells> rows = {{"job", input.job},
                             {"family of the model", input.family},
                             {"made rows", std::to_string(input.made.rows)},
                             {"seed", std::to_string(input.seed)},
                             {"real training rows", std::to_string(input.training.rows)},
                             {"real held-out rows", std::to_string(input.held_out.rows)}};
  if (input.epsilon) {
    rows.push_back({"epsilon of a record here, all rounds", short_figure(*input.epsilon)});
    rows.push_back({"delta", short_number(input.delta)});
  } else {
    rows.push_back({"epsilon", "none: the job does not keep records private"});
  }
  page.table({"What", "Value"}, rows);
}

// Both series over bins that they share.
std::string nearest_plot(const NearestRows& nearest) {
  constexpr std::size_t kBins = 20;
  double most = quantile_of(nearest.made, 0.99);
  if (!nearest.held_out.empty()) most = std::max(most, quantile_of(nearest.held_out, 0.99));
  const double width = (most > 0.0 ? most : 1.0) / static_cast<double>(kBins);
  const auto shares = [&](const std::vector<double>& distances) {
    std::vector<double> in_bins(kBins, 0.0);
    for (const double distance : distances) {
      const auto bin = static_cast<std::size_t>(distance / width);
      in_bins[std::min(bin, kBins - 1)] += 1.0 / static_cast<double>(distances.size());
    }
    return in_bins;
  };
  std::vector<std::string> labels;
  for (std::size_t i = 0; i < kBins; ++i)
    labels.push_back(short_figure(width * static_cast<double>(i)));
  std::vector<Series> series = {{"made rows", shares(nearest.made)}};
  if (!nearest.held_out.empty()) series.push_back({"held-out rows", shares(nearest.held_out)});
  return bar_plot(labels, series);
}

void add_nearest(HtmlPage& page, const NearestRows& nearest, Detail detail) {
  page.heading("Rows near to real ones");
  page.text(
      "From each row to the nearest row that the model was trained on, here. A generator that "
      "copies has rows at 0; what is made well is no nearer than real rows that were not trained "
      "on.");
  std::vector<Cells> rows;
  const auto add = [&rows](const std::string& name, const std::vector<double>& distances,
                           double copied) {
    if (distances.empty()) return;
    rows.push_back({name, short_figure(quantile_of(distances, 0.05)),
                    short_figure(quantile_of(distances, 0.5)), percent(copied)});
  };
  add("made", nearest.made, nearest.made_copied);
  add("held out", nearest.held_out, nearest.held_out_copied);
  page.table({"Rows", "5 % are nearer than", "half are nearer than", "exact copies"}, rows);
  if (nearest.suspicious) {
    page.text(
        "WARNING: made rows are copies of training rows, or nearer to them than unrelated rows "
        "are. Do not hand them on before that is understood.");
  }
  if (detail == Detail::kFull)
    page.figure(nearest_plot(nearest),
                "Shares of rows by the distance to the nearest training row");
}

void add_usefulness(HtmlPage& page, const ReportInput& input) {
  if (input.usefulness.empty() && input.not_judged.empty()) return;
  page.heading("What one learns from them");
  page.text(
      "The same small model, trained on real and on made rows, judged on real rows that were held "
      "out.");
  std::vector<Cells> rows;
  for (const Usefulness& one : input.usefulness) {
    rows.push_back({one.label, one.figure, short_figure(one.on_real), short_figure(one.on_made),
                    std::to_string(one.judged_rows)});
  }
  if (!rows.empty())
    page.table({"Column", "Figure", "trained on real", "trained on made", "rows judged"}, rows);
  if (!input.not_judged.empty()) page.text("Not judged: " + input.not_judged);
}

void add_columns(HtmlPage& page, const Likeness& likeness, Detail detail) {
  if (likeness.columns.empty()) return;
  page.heading("Columns");
  std::vector<Cells> rows;
  for (const ColumnLikeness& one : likeness.columns) {
    rows.push_back({one.column, one.words ? "total variation" : "Kolmogorov-Smirnov",
                    short_figure(one.distance)});
  }
  page.table({"Column", "Distance", "Value"}, rows);
  page.text("0: the same shares, 1: nothing in common.");
  if (detail == Detail::kSummary) return;
  page.begin_row();
  for (const ColumnLikeness& one : likeness.columns) {
    page.figure(bar_plot(one.labels, {{"real", one.real}, {"made", one.made}}),
                one.column + ", shares of rows");
  }
  page.end_row();
}

void add_correlations(HtmlPage& page, const Likeness& likeness, Detail detail) {
  if (likeness.inputs.empty()) return;
  page.heading("How columns go together");
  page.text("Largest difference of a correlation: " + short_figure(likeness.largest_difference));
  if (detail == Detail::kSummary) return;
  page.begin_row();
  page.figure(heat_map(likeness.inputs, likeness.inputs, likeness.real_correlation, 1.0),
              "Correlations of real rows (red: 1, blue: -1)");
  page.figure(heat_map(likeness.inputs, likeness.inputs, likeness.made_correlation, 1.0),
              "Correlations of made rows");
  page.end_row();
}

bool are_pictures(const ExampleSet& rows) {
  return rows.input_shape.size() == 3 && (rows.input_shape[0] == 1 || rows.input_shape[0] == 3);
}

// The first rows side by side, all by the same scale.
Result<Picture> grid_of(const ExampleSet& rows, float low, float high) {
  constexpr std::int64_t kAcross = 8, kDown = 3;
  const std::int64_t channels = rows.input_shape[0], height = rows.input_shape[1],
                     width = rows.input_shape[2];
  Picture grid{kAcross * (width + 1), kDown * (height + 1), channels, {}};
  grid.samples.assign(static_cast<std::size_t>(grid.width * grid.height * channels), 255);
  const auto size = static_cast<std::size_t>(channels * height * width);
  for (std::int64_t i = 0; i < std::min(rows.rows, kAcross * kDown); ++i) {
    const auto row = std::span(rows.inputs).subspan(static_cast<std::size_t>(i) * size, size);
    const Picture one = picture_of(row, channels, height, width, low, high);
    const std::int64_t left = (i % kAcross) * (width + 1), top = (i / kAcross) * (height + 1);
    for (std::int64_t y = 0; y < height; ++y) {
      const auto from = one.samples.begin() + y * width * channels;
      std::copy_n(from, width * channels,
                  grid.samples.begin() + ((top + y) * grid.width + left) * channels);
    }
  }
  return grid;
}

Status add_pictures(HtmlPage& page, const ReportInput& input, Detail detail) {
  if (!are_pictures(input.training) || !are_pictures(input.made)) return {};
  const auto [low, high] = std::ranges::minmax(input.training.inputs);
  page.heading("Pictures");
  constexpr int kZoom = 2;
  page.begin_row();
  if (detail == Detail::kFull) {
    TRIB_TRY(real, grid_of(input.training, low, high));
    TRIB_TRY(image, image_of(real, kZoom));
    page.figure(image, "Real, of this site");
  }
  TRIB_TRY(made, grid_of(input.made, low, high));
  TRIB_TRY(image, image_of(made, kZoom));
  page.figure(image, "Made");
  page.end_row();
  return {};
}

}  // namespace

Result<std::string> synthetic_report(const ReportInput& input, Detail detail) {
  HtmlPage page("Made rows of " + input.job + " beside real ones");
  add_head(page, input, detail);
  add_nearest(page, input.likeness.nearest, detail);
  add_usefulness(page, input);
  add_columns(page, input.likeness, detail);
  add_correlations(page, input.likeness, detail);
  TRIB_CHECK_OK(add_pictures(page, input, detail));
  return page.finished();
}

}  // namespace tributary
