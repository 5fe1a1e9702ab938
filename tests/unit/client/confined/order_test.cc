// SPDX-License-Identifier: Apache-2.0
// Orders arrive as they were sent, and no answer of a process that lies gets further than its
// reader.
#include "client/confined/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "client/confined/errand_fields.h"
#include "common/base/limits.h"
#include "tests/support/plugin_choice.h"

namespace tributary {
namespace {

using testing::HasSubstr;

const Model kGlobal{{{{"a.weight", {2, 2}}, {"b", {}}}}, {1, 2, 3, 4, 5}};

JobSpec job() {
  JobSpec made;
  made.seed = 77;
  made.model = {"torchscript",
                {{"file", std::string("module.pt")},
                 {"flag", true},
                 {"count", std::int64_t{-3}},
                 {"rate", 0.25},
                 {"sizes", std::vector<std::int64_t>{4, 5}},
                 {"rates", std::vector<double>{0.5, 1.5}},
                 {"names", std::vector<std::string>{"x", "yz"}}}};
  made.data.target = TargetKind::kClasses;
  made.data.classes = 3;
  made.data.label_values = {"I", "II", "III"};
  made.train.algorithm = choose(client_algorithms(), "fedprox", {{"mu", 0.125}});
  made.train.optimizer = choose(client_optimizers(), "adam", {});
  made.train.objective = choose(training_objectives(), "masked", {{"share", 0.75}});
  made.train.augment = {choose(augmentations(), "flip", {}), choose(augmentations(), "noise", {})};
  made.train.loss = "cross_entropy";
  made.train.epochs = 4;
  made.train.steps = 9;
  made.train.batch_size = 5;
  made.rounds.rounds = 12;
  made.train.schedule = choose(learning_rate_schedules(), "exponential", {});
  made.train.clip_norm = 0.75;
  made.train.class_weights = {true, {0.5, 1.5, 1.0}};
  made.train.local_stop.emplace().patience = 4;
  made.train.keep_local = {"b*"};
  made.evaluation.written_rows = 7;
  made.transfer = {true, {"a*"}, LoraSpec{4, 8.0, {"c", "d"}}};
  made.privacy.records = {.clip = 0.5, .noise_multiplier = 1.25, .delta = 1e-6, .max_epsilon = 3.0};
  return made;
}

TEST(OrderTest, ArrivesAsItWasSent) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Channel here(ends[0]), there(ends[1]);
  OrderHead head{
      Errand::kTrain,          1000, 2, job(), {2, 1}, 2, kGlobal.layout, 6, 8, true, true,
      TrainingState{3, 9, {}}, 1};
  const Bytes module(100'000, std::byte{7}), resume(300, std::byte{8});
  const std::vector<float> start{5, 4, 3, 2, 1}, server{1, 1, 1, 1, 1}, own{2, 2, 2, 2, 2},
      inputs{1, 2, 3, 4}, targets{0.5, 1.5};
  const std::vector<std::int64_t> labels{2, 0};
  std::thread sender([&] {
    EXPECT_TRUE(send_order(here, head,
                           {module, resume, kGlobal.values, start, server, own, inputs, targets,
                            labels, inputs, targets, labels}));
  });
  const auto order = receive_order(there);
  sender.join();
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_EQ(order->head.errand, Errand::kTrain);
  EXPECT_EQ(order->head.memory_bytes, 1000u);
  EXPECT_EQ(order->head.threads, 2);
  EXPECT_EQ(order->head.job, job()) << "all that learning reads of a job";
  EXPECT_EQ(order->head.round, 6u);
  EXPECT_EQ(order->head.shuffle_seed, 8u);
  EXPECT_TRUE(order->head.checkpoints);
  EXPECT_EQ(order->module_file, module);
  ASSERT_TRUE(order->head.resume);
  EXPECT_EQ(order->head.resume->batches, 3u);
  EXPECT_EQ(order->head.resume->total, 9u);
  EXPECT_EQ(order->head.resume->bytes, resume);
  EXPECT_EQ(order->global, kGlobal);
  EXPECT_EQ(order->start, (Model{kGlobal.layout, start}));
  EXPECT_EQ(order->server, server);
  EXPECT_EQ(order->own, own);
  EXPECT_EQ(order->data.input_shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(order->data.rows, 2);
  EXPECT_EQ(order->data.inputs, inputs);
  EXPECT_EQ(order->data.targets, targets);
  EXPECT_EQ(order->data.labels, labels);
  EXPECT_EQ(order->validation.rows, 1);
  EXPECT_EQ(order->validation.inputs, inputs);
  EXPECT_EQ(order->validation.targets, targets);
  EXPECT_EQ(order->validation.labels, labels);
}

class AnswerTest : public testing::Test {
 protected:
  static TrainOutput trained() {
    TrainOutput output;
    output.update = {kGlobal.layout, {1, 0, 1, 0, 1}};
    output.own = {3, 3, 3, 3, 3};
    output.local = {9};
    output.train_loss = 0.5;
    output.update_norm = 2.0;
    output.examples = 12;
    output.batches = 4;
    output.seconds = 1.5;
    output.rows = 48;
    output.kept_batches = 3;
    output.kept_loss = 0.25;
    return output;
  }
  static Result<TrainOutput> read(const TrainOutput& output, const JobSpec& of = job()) {
    return read_training(answer_of(Result<TrainOutput>(output)), of, kGlobal);
  }
};

TEST_F(AnswerTest, ComesBackAsItWasGiven) {
  EXPECT_EQ(*read_model(answer_of(Result<Model>(kGlobal))), kGlobal);
  const auto output = read(trained());
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->update, trained().update);
  EXPECT_EQ(output->own, trained().own);
  EXPECT_EQ(output->local, trained().local);
  EXPECT_EQ(output->seconds, 1.5);
  EXPECT_EQ(output->rows, 48u);
  EXPECT_EQ(output->kept_batches, 3u);
  EXPECT_EQ(output->kept_loss, 0.25);
  EvaluationCounts counts;
  counts.examples = 3;
  counts.loss_units = 55;
  counts.correct = 2;
  counts.classes = {{1, 0, 0}, {1, 1, 0}, {0, 0, 1}};
  counts.confusion = {1, 0, 0, 0, 1, 0, 0, 1, 0};
  counts.positives.resize(limits::kConfidenceBins);
  counts.negatives.resize(limits::kConfidenceBins);
  counts.positives[3] = 2;
  const auto told = read_counts(answer_of(Result<EvaluationCounts>(counts)), job().data);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(*told, counts);
  EvaluationCounts measured;
  measured.examples = 3;
  measured.measured = {1, -2, 5'000'000, 3, 3};
  DataSpec regression = job().data;
  regression.target = TargetKind::kRegression;
  EXPECT_EQ(*read_counts(answer_of(Result<EvaluationCounts>(measured)), regression), measured);
  EvaluationCounts written;
  written.examples = written.places = 3;
  written.ngrams = {4, 3, 2, 1, 4, 3, 2, 1, 4, 4};
  DataSpec texts = job().data;
  texts.target = TargetKind::kTokens;
  EXPECT_EQ(*read_counts(answer_of(Result<EvaluationCounts>(written)), texts), written);
  const Bytes file(5, std::byte{1});
  EXPECT_EQ(*read_bytes(answer_of(Result<Bytes>(file))), file);
  const auto error = read_bytes(answer_of(Result<Bytes>(make_error(ErrorCode::kNotFound, "gone"))));
  EXPECT_EQ(error.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(error.error().message, "gone");
  const auto state = read_checkpoint(checkpoint_frame(TrainingState{1, 2, file}));
  EXPECT_EQ(state->total, 2u);
  EXPECT_EQ(state->bytes, file);
  EXPECT_EQ(*read_progress(progress_frame(3, 4)), (std::pair<std::uint64_t, std::uint64_t>(3, 4)));
}

TEST_F(AnswerTest, OfAnotherShapeIsNone) {
  const std::vector<void (*)(TrainOutput&)> lies = {
      [](TrainOutput& output) { output.update.values.pop_back(); },
      [](TrainOutput& output) { output.companions.push_back(1); },
      [](TrainOutput& output) { output.own.pop_back(); },
      [](TrainOutput& output) { output.local.resize(6); },
      [](TrainOutput& output) { output.train_loss = NAN; },
      [](TrainOutput& output) { output.update_norm = INFINITY; }};
  for (const auto& lie : lies) {
    TrainOutput output = trained();
    lie(output);
    EXPECT_EQ(read(output).error().code, ErrorCode::kProtocol);
  }
  JobSpec scaffold = job();
  scaffold.train.algorithm = choose(client_algorithms(), "scaffold", {});
  EXPECT_FALSE(read(trained(), scaffold)) << "companions are missing";
  EXPECT_FALSE(read_model(answer_of(Result<Model>(Model{kGlobal.layout, {1}}))));
  EvaluationCounts counts;
  counts.examples = 1;
  counts.correct = 2;
  EXPECT_FALSE(read_counts(answer_of(Result<EvaluationCounts>(counts)), job().data));
}

TEST_F(AnswerTest, CutLongerOrWithLyingCountsIsNone) {
  const Bytes whole = answer_of(Result<Model>(kGlobal));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read_model(ByteView(whole).first(size))) << size;
  Bytes longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(read_model(longer));
  for (std::size_t at = 0; at + 8 <= whole.size(); at += 8) {
    Bytes lying = whole;
    put_little_endian(lying.data() + at, ~std::uint64_t{0});
    const auto read = read_model(lying);
    EXPECT_TRUE(!read || read->values.size() == kGlobal.values.size()) << at;
  }
}

TEST_F(AnswerTest, TextOfErrorsIsFitForALog) {
  ErrandWriter fields;
  fields(false);
  fields(std::uint64_t{4711});
  fields("two\nlines \x1b[2J and \xff" + std::string(5000, 'x'));
  const auto read = read_bytes(std::move(fields).take());
  EXPECT_EQ(read.error().code, ErrorCode::kProtocol) << "no code that is known";
  EXPECT_THAT(read.error().message, HasSubstr("two\\nlines"));
  EXPECT_LE(read.error().message.size(), 1024u);
}

}  // namespace
}  // namespace tributary
