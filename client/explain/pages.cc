// SPDX-License-Identifier: Apache-2.0
#include "client/explain/pages.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "client/report/html_page.h"
#include "client/report/plots.h"
#include "common/base/short_number.h"

namespace tributary {
namespace {

constexpr std::size_t kFeaturesShown = 12;  // in a plot; tables have them all
constexpr std::size_t kPicturesShown = 12;
constexpr std::size_t kRowsShown = 6;
constexpr std::int64_t kPictureSide = 168;  // of the page's pixels, about

// The features that count most come first.
std::vector<std::size_t> by_size(const Importance& all, const MethodImportance& method) {
  std::vector<std::size_t> order(all.features.count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t feature) {
    return std::abs(all.mean(method, feature));
  });
  return order;
}

int zoom_of(const Features& features) {
  const std::int64_t side = std::max<std::int64_t>({features.height, features.width, 1});
  return static_cast<int>(std::max<std::int64_t>(kPictureSide / side, 1));
}

std::string label_of(const JobSpec& job, std::int64_t label) {
  const auto& words = job.data.label_values;
  if (label >= 0 && static_cast<std::size_t>(label) < words.size())
    return words[static_cast<std::size_t>(label)];
  return std::to_string(label);
}

// What the row is, and what the model says.
std::string caption_of(const SiteExplanations& site, std::size_t row) {
  const std::string output = short_number(site.said[row]);
  if (site.job.data.target == TargetKind::kRegression)
    return "target " + short_number(static_cast<double>(site.rows.targets[row])) + ", predicted " +
           output;
  const bool binary = site.job.data.target == TargetKind::kBinary;
  const std::string taken = binary ? label_of(site.job, site.said[row] >= 0.0 ? 1 : 0)
                                   : label_of(site.job, site.wanted[row]);
  return "label " + label_of(site.job, site.rows.labels[row]) + ", taken for " + taken +
         " (logit " + output + ")";
}

// The mean of each pixel as a picture of its own.
Result<std::string> mean_picture(const Importance& all, const MethodImportance& method) {
  std::vector<float> heat;
  for (std::size_t i = 0; i < all.features.count; ++i)
    heat.push_back(static_cast<float>(all.mean(method, i)));
  const float most = std::ranges::max(heat);
  return image_of(
      picture_of(heat, 1, all.features.height, all.features.width, 0.0F, std::max(most, 1e-30F)),
      zoom_of(all.features));
}

Status add_importance(HtmlPage& page, const Importance& all, const MethodImportance& method) {
  const Features& features = all.features;
  if (features.pictures()) {
    TRIB_TRY(image, mean_picture(all, method));
    page.figure(image,
                "Mean of each pixel over " + std::to_string(all.rows) + " rows; white is most");
    return {};
  }
  const auto order = by_size(all, method);
  std::vector<std::string> labels;
  Series bars{"mean", {}, {}};
  std::vector<Cells> cells;
  for (const std::size_t i : order) {
    const double mean = all.mean(method, i), spread = all.spread(method, i);
    cells.push_back({features.names[i], short_number(mean), short_number(spread)});
    if (labels.size() == kFeaturesShown) continue;
    labels.push_back(features.names[i]);
    bars.values.push_back(mean);
    bars.spread.push_back(spread);
  }
  page.figure(bar_plot(labels, {bars}),
              "Mean over " + std::to_string(all.rows) + " rows; lines: one standard deviation");
  page.table({"feature", "mean of " + method.unit, "standard deviation"}, cells);
  return {};
}

// Beyond the largest hundredth all is shown alike: single pixels would leave the others dark.
float most_shown(std::vector<float> heat) {
  const auto at = heat.begin() + static_cast<std::ptrdiff_t>(heat.size() * 99 / 100);
  std::ranges::nth_element(heat, at);
  return *at > 0.0F ? *at : std::ranges::max(heat);
}

Result<std::string> heated(const Picture& picture, const ExplainedBy& by, std::size_t row,
                           const Features& features) {
  std::vector<float> heat;
  for (std::size_t i = 0; i < features.count; ++i) {
    const double value = by.explanation.values[row * features.count + i];
    heat.push_back(static_cast<float>(std::max(value, 0.0)));
  }
  return image_of(heat_over(picture, heat, most_shown(heat)), zoom_of(features));
}

Status add_pictures(HtmlPage& page, const SiteExplanations& site) {
  const Features& features = site.together.features;
  const std::span<const float> inputs = site.rows.inputs;
  const auto [least, most] = std::ranges::minmax(inputs);
  const std::size_t width = inputs.size() / static_cast<std::size_t>(site.rows.rows);
  page.heading("Single pictures");
  const bool binary = site.job.data.target == TargetKind::kBinary;
  page.text("Red is what speaks for " +
            std::string(binary ? "the positive class"
                               : "the class that the model takes the picture for") +
            "; saliency and smooth_grad say where it looks, for or against.");
  for (std::size_t row = 0; row < std::min(site.wanted.size(), kPicturesShown); ++row) {
    const Picture picture = picture_of(inputs.subspan(row * width, width), site.rows.input_shape[0],
                                       features.height, features.width, least, most);
    TRIB_TRY(plain, image_of(picture, zoom_of(features)));
    page.begin_row();
    page.figure(plain, caption_of(site, row));
    for (const ExplainedBy& by : site.by) {
      if (!by.method.of_rows) continue;
      TRIB_TRY(image, heated(picture, by, row, features));
      page.figure(image, by.method.name);
    }
    page.end_row();
  }
  return {};
}

// One row by one method: each feature's value, with its error where it is drawn.
void add_row(HtmlPage& page, const SiteExplanations& site, const ExplainedBy& by, std::size_t row) {
  const Features& features = site.together.features;
  const double* values = by.explanation.values.data() + row * features.count;
  std::vector<std::size_t> order(features.count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(),
                           [values](std::size_t i) { return std::abs(values[i]); });
  const bool drawn = !by.explanation.errors.empty();
  std::vector<Cells> cells;
  double sum = 0.0;
  for (const std::size_t i : order) {
    sum += values[i];
    if (cells.size() == kFeaturesShown) continue;
    cells.push_back({features.names[i], short_number(values[i])});
    if (drawn)
      cells.back().push_back(short_number(by.explanation.errors[row * features.count + i]));
  }
  page.text("Row " + std::to_string(row + 1) + ": " + caption_of(site, row) +
            (by.explanation.sum_error ? "; all features together " + short_number(sum) : ""));
  page.table(drawn ? Cells{"feature", std::string(by.method.name), "standard error"}
                   : Cells{"feature", std::string(by.method.name)},
             cells);
}

void add_rows(HtmlPage& page, const SiteExplanations& site) {
  for (const ExplainedBy& by : site.by) {
    if (!by.explanation.sum_error) continue;  // others say how much, not which way
    page.heading("Single rows by " + std::string(by.method.name));
    for (std::size_t row = 0; row < std::min(site.wanted.size(), kRowsShown); ++row)
      add_row(page, site, by, row);
  }
}

// One method over the sites: each one's mean beside that of all.
Status add_sites(HtmlPage& page, const std::string& name, const std::vector<NamedImportance>& sites,
                 const Importance& all) {
  const MethodImportance& together = all.methods.at(name);
  if (all.features.pictures()) {
    page.begin_row();
    TRIB_TRY(image, mean_picture(all, together));
    page.figure(image, "all sites");
    for (const NamedImportance& one : sites) {
      TRIB_TRY(of_site, mean_picture(one.importance, one.importance.methods.at(name)));
      page.figure(of_site, one.site);
    }
    page.end_row();
    return {};
  }
  const auto order = by_size(all, together);
  Cells head{"feature", "all sites", "standard deviation"};
  std::vector<Series> series{{"all sites", {}, {}}};
  for (const NamedImportance& one : sites) {
    head.push_back(one.site);
    series.push_back({one.site, {}, {}});
  }
  std::vector<std::string> labels;
  std::vector<Cells> cells;
  for (const std::size_t i : order) {
    Cells row{all.features.names[i], short_number(all.mean(together, i)),
              short_number(all.spread(together, i))};
    const bool plotted = labels.size() < kFeaturesShown;
    if (plotted) labels.push_back(all.features.names[i]);
    if (plotted) series[0].values.push_back(all.mean(together, i));
    for (std::size_t s = 0; s < sites.size(); ++s) {
      const Importance& site = sites[s].importance;
      const double mean = site.mean(site.methods.at(name), i);
      row.push_back(short_number(mean));
      if (plotted) series[s + 1].values.push_back(mean);
    }
    cells.push_back(std::move(row));
  }
  page.figure(bar_plot(labels, series), "Means of " + together.unit);
  page.table(head, cells);
  return {};
}

}  // namespace

Result<std::string> site_page(const SiteExplanations& site) {
  HtmlPage page("What " + site.together.job + " looks at");
  page.text(
      "This page shows single rows of the site's data. It stays at the site; "
      "explanation.json has sums alone and may be joined with those of other sites.");
  page.text("Explained: " + std::to_string(site.rows.rows) + " validation rows of the dataset " +
            site.job.data.dataset + ", model " + site.together.model.substr(0, 12) +
            (site.job.data.target == TargetKind::kRegression ? ", its output."
             : site.job.data.target == TargetKind::kBinary
                 ? ", the logit of the positive class."
                 : ", the logit of the class that the model takes a row for."));
  for (const ExplainedBy& by : site.by) {
    const std::string name(by.method.name);
    page.heading(name);
    page.text(std::string(by.method.help) + ".");
    if (by.explanation.sum_error) {
      page.text("The values of a row miss the sum that they stand for by at most " +
                short_number(*by.explanation.sum_error) + ".");
    }
    TRIB_CHECK_OK(add_importance(page, site.together, site.together.methods.at(name)));
  }
  if (site.together.features.pictures()) {
    TRIB_CHECK_OK(add_pictures(page, site));
  } else {
    add_rows(page, site);
  }
  return page.finished();
}

Result<std::string> federation_page(const std::vector<NamedImportance>& sites,
                                    const Importance& all) {
  HtmlPage page("What " + all.job + " looks at, over " + std::to_string(sites.size()) + " sites");
  page.text("Made of each site's sums, weighted by rows: " + std::to_string(all.rows) +
            " rows in all, model " + all.model.substr(0, 12) + ". No row left its site.");
  std::vector<Cells> rows;
  for (const NamedImportance& one : sites)
    rows.push_back({one.site, std::to_string(one.importance.rows)});
  page.table({"site", "rows"}, rows);
  for (const auto& [name, method] : all.methods) {
    page.heading(name);
    if (const auto known = find_explain_method(name)) page.text(std::string((*known)->help) + ".");
    TRIB_CHECK_OK(add_sites(page, name, sites, all));
  }
  return page.finished();
}

}  // namespace tributary
