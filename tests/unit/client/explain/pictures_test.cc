// SPDX-License-Identifier: Apache-2.0
// Methods on pictures: Grad-CAM by its formula in float64, and whether all find where the shape is
// that a model was trained to tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/learning/learner.h"
#include "tests/support/plugin_choice.h"
#include "tests/unit/client/explain/subjects.h"

namespace tributary {
namespace {

using Sizes = std::vector<std::int64_t>;

constexpr std::int64_t kSide = 16, kShape = 5;

struct Place {
  std::int64_t top = 0, left = 0;
};
struct Pictures {
  ExampleSet data{{1, kSide, kSide}, 0, {}, {}, {}};
  std::vector<Place> places;  // of the shape; of pictures without one, anywhere
};

// Faint noise; in every second picture a ring, in the others as many bright pixels anywhere.
Pictures draw_pictures(std::int64_t count, std::uint64_t seed) {
  SeededRandom random(seed);
  Pictures drawn;
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<float> picture;
    for (std::int64_t p = 0; p < kSide * kSide; ++p) {
      const double faint = 0.2 * random.uniform();
      picture.push_back(static_cast<float>(faint));
    }
    const std::int64_t top = static_cast<std::int64_t>(random.uniform_below(kSide - kShape + 1));
    const std::int64_t left = static_cast<std::int64_t>(random.uniform_below(kSide - kShape + 1));
    for (std::int64_t k = 0; k < kShape * kShape; ++k) {
      const std::int64_t y = k / kShape, x = k % kShape;
      if (y > 0 && y < kShape - 1 && x > 0 && x < kShape - 1) continue;
      const auto anywhere = random.uniform_below(static_cast<std::uint64_t>(kSide * kSide));
      const auto on_ring = static_cast<std::uint64_t>((top + y) * kSide + left + x);
      picture[i % 2 == 1 ? on_ring : anywhere] = 1.0F;
    }
    drawn.data.inputs.insert(drawn.data.inputs.end(), picture.begin(), picture.end());
    drawn.data.labels.push_back(i % 2);
    drawn.places.push_back({top, left});
    ++drawn.data.rows;
  }
  return drawn;
}

JobSpec ring_job() {
  JobSpec job;
  job.model = choose(model_families(), "cnn", {{"channels", Sizes{8, 16, 16}}, {"dense", Sizes{}}});
  job.data.input_shape = {1, kSide, kSide};
  job.train.optimizer = choose(client_optimizers(), "adam", {{"learning_rate", 0.01}});
  job.train.batch_size = 32;
  job.train.epochs = 8;
  return job;
}

// The mean within the ring's box over the mean outside, of pictures with a ring.
double ratio_of(const Explanation& found, const Pictures& pictures) {
  double in = 0.0, out = 0.0, ins = 0.0, outs = 0.0;
  for (std::size_t row = 1; row < pictures.places.size(); row += 2) {
    const Place& place = pictures.places[row];
    for (std::int64_t p = 0; p < kSide * kSide; ++p) {
      const std::int64_t y = p / kSide - place.top, x = p % kSide - place.left;
      const bool within = y >= 0 && y < kShape && x >= 0 && x < kShape;
      const double value =
          std::max(0.0, found.values[row * kSide * kSide + static_cast<std::size_t>(p)]);
      (within ? in : out) += value;
      (within ? ins : outs) += 1.0;
    }
  }
  return (in / ins) / (out / outs);
}

Explanation of_rings(const char* method, const Model& model, const Pictures& pictures) {
  const JobSpec job = ring_job();
  const auto probe = *probe_model(job, model, job.data.input_shape, 1, {});
  const Features features = *features_of_inputs(job.data, {}, job.data.input_shape);
  EXPECT_TRUE(features.pictures());
  const ExampleSet& rows = pictures.data;
  Subject subject{*probe, job, features, rows, rows, first_outputs(rows), {}};
  subject.options.steps = 16;
  subject.options.samples = 16;
  return explained(method, subject);
}

// A ring's pixels are bright, so methods that multiply by the input find them with a model that
// knows nothing: what is learned must show.
TEST(Pictures, AllMethodsFindTheShapeThatTheModelWasTrainedToTell) {
  const JobSpec job = ring_job();
  const Pictures known = draw_pictures(600, 1), fresh = draw_pictures(60, 2);
  const Model initial = *initial_model(job, job.data.input_shape, {});
  const auto trained = train(TrainRequest{job, 1, initial, known.data, 7, 1, {}, {}, {}});
  ASSERT_TRUE(trained) << trained.error().message;
  Model model = initial;
  for (std::size_t i = 0; i < model.values.size(); ++i)
    model.values[i] += trained->update.values[i];
  const auto counts = evaluate(job, model, fresh.data, 1, {});
  ASSERT_TRUE(counts);
  ASSERT_GE(counts->correct, 57u) << "the model tells rings from scattered pixels";
  for (const auto& [method, least] :
       std::vector<std::pair<const char*, double>>{{"saliency", 2.0},
                                                   {"smooth_grad", 3.0},
                                                   {"integrated_gradients", 15.0},
                                                   {"grad_cam", 1.6},
                                                   {"occlusion", 8.0}}) {
    const double before = ratio_of(of_rings(method, initial, fresh), fresh);
    const double after = ratio_of(of_rings(method, model, fresh), fresh);
    EXPECT_GT(after, least) << method;
    EXPECT_LT(before, least) << method;
    RecordProperty(method, std::to_string(before) + " before, " + std::to_string(after) + " after");
  }
}

// One convolution, ReLU, one dense layer: the gradient of a feature map is the dense weights.
TEST(Pictures, GradCamIsItsFormula) {
  constexpr std::size_t kPixels = 6 * 5, kMaps = 2;
  JobSpec job;
  job.model = choose(model_families(), "cnn",
                     {{"channels", Sizes{kMaps}}, {"dense", Sizes{}}, {"pool", std::int64_t{1}}});
  job.data.input_shape = {1, 6, 5};
  Model model = *initial_model(job, job.data.input_shape, {});
  // The first map speaks for the output, the second against it.
  for (std::size_t i = 0; i < kMaps * kPixels; ++i) {
    float& weight = model.values[kMaps * 10 + i];
    weight = i < kPixels ? std::abs(weight) : -0.3F * std::abs(weight);
  }
  ExampleSet rows = normal_rows(3, kPixels, 4);
  rows.input_shape = job.data.input_shape;
  const auto value = [&model](std::size_t i) { return static_cast<double>(model.values[i]); };
  const auto probe = *probe_model(job, model, job.data.input_shape, 1, {});
  const Features features = *features_of_inputs(job.data, {}, job.data.input_shape);
  const Subject subject{*probe, job, features, rows, rows, first_outputs(rows), {}};
  const Explanation found = explained("grad_cam", subject);
  double hottest = 0.0;
  for (std::size_t row = 0; row < 3; ++row) {
    std::vector<double> heat(kPixels, 0.0);
    for (std::size_t k = 0; k < kMaps; ++k) {
      std::vector<double> map(kPixels);
      double weight = 0.0;
      for (std::size_t p = 0; p < kPixels; ++p) {
        map[p] = value(kMaps * 9 + k);
        for (std::size_t t = 0; t < 9; ++t) {
          const std::size_t y = p / 5 + t / 3, x = p % 5 + t % 3;  // with one row of padding
          if (y < 1 || y > 6 || x < 1 || x > 5) continue;
          map[p] += value(k * 9 + t) * at(rows, row, (y - 1) * 5 + x - 1);
        }
        weight += value(kMaps * 10 + k * kPixels + p) / kPixels;
      }
      for (std::size_t p = 0; p < kPixels; ++p) heat[p] += weight * std::max(map[p], 0.0);
    }
    for (std::size_t p = 0; p < kPixels; ++p) {
      EXPECT_NEAR(found.values[row * kPixels + p], std::max(heat[p], 0.0), 1e-6) << row << " " << p;
      hottest = std::max(hottest, heat[p]);
    }
  }
  EXPECT_GT(hottest, 0.01);
}

// Three pixels in a row, hidden one by one: each is given what the output loses.
TEST(Pictures, OcclusionGivesAPixelTheMeanOfThePatchesThatHideIt) {
  JobSpec job;
  job.data.input_shape = {1, 4, 4};
  const Features features = *features_of_inputs(job.data, {}, job.data.input_shape);
  FunctionProbe probe(16, [](Point x) { return static_cast<double>(x[5]); });
  const ExampleSet rows{{1, 4, 4}, 1, RowVector<float>(16, 1.0F), {0}, {}};
  Subject subject{probe, job, features, rows, rows, {0}, {}};
  subject.options.patch = 2;
  // Patches of 2 x 2 start at 0, 1 and 2; four of nine hide pixel (1, 1).
  const Explanation found = explained("occlusion", subject);
  EXPECT_DOUBLE_EQ(found.values[5], 1.0);
  EXPECT_DOUBLE_EQ(found.values[0], 1.0) << "its only patch hides pixel (1, 1) too";
  EXPECT_DOUBLE_EQ(found.values[1], 1.0) << "both of its patches do";
  EXPECT_DOUBLE_EQ(found.values[6], 0.5) << "two of its four";
  EXPECT_DOUBLE_EQ(found.values[10], 0.25);
  EXPECT_DOUBLE_EQ(found.values[15], 0.0);
}

TEST(Pictures, ThePixelsChannelsAreOneFeature) {
  JobSpec job;
  job.data.input_shape = {3, 2, 2};
  const Features features = *features_of_inputs(job.data, {}, job.data.input_shape);
  EXPECT_EQ(features.count, 4u);
  EXPECT_EQ(features.of_input, (std::vector<std::uint32_t>{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}));
  job.data.input_shape = {5, 2, 2};
  EXPECT_FALSE(features_of_inputs(job.data, {}, job.data.input_shape)->pictures());
}

}  // namespace
}  // namespace tributary
