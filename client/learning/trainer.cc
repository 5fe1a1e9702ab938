// SPDX-License-Identifier: Apache-2.0
// One round of local training: mini-batch steps from the global model, and the difference they
// made.
#include <torch/csrc/autograd/autograd.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>

#include "client/learning/algorithm.h"
#include "client/learning/batch_maker.h"
#include "client/learning/batches.h"
#include "client/learning/best_pass.h"
#include "client/learning/class_weights.h"
#include "client/learning/evaluator.h"
#include "client/learning/examples.h"
#include "client/learning/gradient_clip.h"
#include "client/learning/layers.h"
#include "client/learning/learner.h"
#include "client/learning/local_tensors.h"
#include "client/learning/objective.h"
#include "client/learning/optimizer.h"
#include "client/learning/record_privacy.h"
#include "client/learning/row_gradients.h"
#include "client/learning/torch_model.h"
#include "client/learning/training_loss.h"
#include "common/base/clock.h"
#include "common/crypto/secure_random.h"
#include "common/domain/options.h"
#include "common/domain/schedule.h"

namespace tributary {
namespace {

// What takes the place of plain batches and gradients where the job promises privacy of records.
struct Private {
  Private(TorchModel& model, const JobSpec& job, std::uint64_t rows, GradientNoise made)
      : batch(planned_batch(job.train, rows)),
        batches(rows, batch, random),
        noise(std::move(made)),
        gradients(model, job.data.target, noise.clip(), random,
                  class_weights_tensor(job.train.class_weights.weights)) {}

  SecureRandom random;
  std::uint64_t batch;  // rows of one on average, by which sums are divided
  PoissonBatches batches;
  GradientNoise noise;
  RowGradients gradients;
};

class Trainer {
 public:
  // `data`: the site's rows, with those that were made of them.
  Trainer(const TrainRequest& request, const ExampleSet& data, TorchModelPtr model,
          std::unique_ptr<Optimizer> optimizer, std::unique_ptr<AlgorithmRun> algorithm,
          std::unique_ptr<Objective> objective, RowTreatment treatment)
      : request_(request),
        model_(std::move(model)),
        optimizer_(std::move(optimizer)),
        algorithm_(std::move(algorithm)),
        batches_(static_cast<std::size_t>(data.rows), request.job.train.batch_size,
                 request.shuffle_seed),
        maker_(request.job, data, static_cast<std::int64_t>(batches_.batch_size()),
               std::move(treatment)),
        objective_(std::move(objective)),
        total_(training_steps(request.job.train, static_cast<std::uint64_t>(data.rows))) {
    const auto& stop = request.job.train.local_stop;
    if (stop && request.validation != nullptr && request.validation->rows > 0)
      best_.emplace(stop->patience);
  }

  // Before run(), for a job with privacy.records. Errors: GradientNoise's.
  Status keep_private(const JobSpec& job);
  Result<TrainOutput> run();

 private:
  void collect_weights();
  Status one_batch();
  Status one_private_batch();
  Status judge_pass();
  void step(const torch::Tensor& loss);
  void step_one(std::size_t index, std::span<const float> gradient);
  double seconds() const;
  std::uint64_t rows() const;
  Result<TrainingState> state() const;
  Status restore(const TrainingState& earlier);
  Status finish(TrainOutput& output) const;
  Status take_update(TrainOutput& output) const;

  struct Weight {
    torch::Tensor tensor;
    ValueRange range;  // of the model
    bool travels;
  };

  const TrainRequest& request_;
  const SystemClock clock_;
  const TimePoint start_ = clock_.now();
  TorchModelPtr model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<AlgorithmRun> algorithm_;  // null: plain training
  std::unique_ptr<Private> private_;         // null: nothing is promised
  Batches batches_;
  BatchMaker maker_;
  std::unique_ptr<Objective> objective_;
  std::optional<BestPass> best_;  // none: all passes are trained
  const std::uint64_t total_;
  std::vector<Weight> weights_;                    // those that are trained
  torch::autograd::variable_list weight_tensors_;  // the same tensors
  std::vector<float> adjusted_;

  // With the weights, the optimiser and the random numbers, where it stands.
  std::uint64_t done_ = 0;          // batches
  std::uint64_t private_rows_ = 0;  // that batches with noise had; where they stand in it
  double loss_sum_ = 0.0;           // over the rows of the last epoch, or of the pass under way
  double loss_rows_ = 0.0;          // those rows
  double seconds_before_ = 0.0;     // of the training that this one goes on from
};

Status Trainer::keep_private(const JobSpec& job) {
  std::size_t values = 0;
  for (std::size_t i = 0; i < model_->parameters; ++i)
    values += static_cast<std::size_t>(model_->tensors[i].tensor.numel());
  TRIB_TRY(noise, GradientNoise::make(*job.privacy.records, values));
  private_ = std::make_unique<Private>(*model_, job, static_cast<std::uint64_t>(request_.data.rows),
                                       std::move(noise));
  return {};
}

void Trainer::collect_weights() {
  std::size_t at = 0;
  for (std::size_t i = 0; i < model_->parameters; ++i) {
    const auto& [name, tensor] = model_->tensors[i];
    const std::size_t count = static_cast<std::size_t>(tensor.numel());
    if (tensor.requires_grad()) {
      weights_.push_back({tensor, {at, count}, !stays_local(request_.job.train, name)});
      weight_tensors_.push_back(tensor);
    }
    at += count;
  }
}

void Trainer::step(const torch::Tensor& loss) {
  auto gradients =
      torch::autograd::grad({loss}, weight_tensors_, {}, false, false, /*allow_unused=*/true);
  if (request_.job.train.clip_norm > 0.0) clip_gradients(gradients, request_.job.train.clip_norm);
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    const torch::Tensor gradient = gradients[i].contiguous();
    step_one(i, values_of(gradient));
  }
}

void Trainer::step_one(std::size_t index, std::span<const float> gradient) {
  const Weight& weight = weights_[index];
  const auto values = values_of(weight.tensor);
  if (algorithm_ && algorithm_->adjusts() && weight.travels) {
    adjusted_.assign(gradient.begin(), gradient.end());  // two parameters may share one gradient
    algorithm_->adjust(weight.range.at, adjusted_, values);
    gradient = adjusted_;
  }
  optimizer_->step(index, values, gradient);
}

// DP-SGD (Abadi et al. 2016, algorithm 1). The sum is divided by the planned rows: how many were
// drawn is nobody's business. No loss is told, as none of it would be private.
Status Trainer::one_private_batch() {
  const std::span<const std::uint32_t> rows = private_->batches.next();
  RowGradients& gradients = private_->gradients;
  gradients.clear();
  const auto most = static_cast<std::size_t>(std::min(gradients.chunk_rows(), maker_.rows_max()));
  for (std::size_t at = 0; at < rows.size(); at += most) {
    const auto chunk = rows.subspan(at, std::min(most, rows.size() - at));
    const Batch batch = maker_.make(chunk, private_rows_);
    private_rows_ += chunk.size();
    TRIB_CHECK_OK(gradients.add(batch.inputs, batch.targets));
  }
  std::size_t index = 0;
  std::vector<float> mean;
  for (const torch::Tensor& sum : gradients.sums()) {
    if (!sum.defined()) continue;
    const std::span<const double> values(sum.data_ptr<double>(),
                                         static_cast<std::size_t>(sum.numel()));
    mean.resize(values.size());
    private_->noise.apply(values, private_->batch, mean, private_->random);
    step_one(index++, mean);
  }
  ++done_;
  return {};
}

// What stays at the site is no part of the update.
Status Trainer::take_update(TrainOutput& output) const {
  output.update.layout = request_.global.layout;
  output.update.values.reserve(request_.global.values.size());
  double squares = 0.0;
  const float* global = request_.global.values.data();
  for (const NamedTensor& named : model_->tensors) {
    const std::span<const float> trained = values_of(named.tensor);
    const bool stays = stays_local(request_.job.train, named.name);
    if (stays) output.local.insert(output.local.end(), trained.begin(), trained.end());
    for (const float local : trained) {
      const float delta = local - *global++;
      const double square = static_cast<double>(delta) * static_cast<double>(delta);
      if (!stays || !std::isfinite(square)) squares += square;
      output.update.values.push_back(stays ? 0.0F : delta);
    }
  }
  output.update_norm = std::sqrt(squares);
  if (std::isfinite(squares)) return {};
  return make_error(ErrorCode::kFailedPrecondition,
                    "training has diverged: after the last batch weights are not finite numbers; "
                    "lower the learning rate");
}

Status Trainer::finish(TrainOutput& output) const {
  TRIB_CHECK_OK(take_update(output));
  if (!algorithm_) return {};
  std::vector<ValueRange> trained;
  for (const Weight& weight : weights_) {
    if (weight.travels) trained.push_back(weight.range);
  }
  const std::uint64_t steps = best_ ? best_->batches() : done_;
  algorithm_->finish({steps, trained, output.update.values, output.companions, output.own});
  return {};
}

double Trainer::seconds() const {
  return seconds_before_ + static_cast<double>((clock_.now() - start_).count()) / 1000.0;
}

// In each pass every row once.
std::uint64_t Trainer::rows() const {
  if (private_) return done_ * private_->batch;
  const auto all = static_cast<std::uint64_t>(request_.data.rows);
  return done_ / batches_.per_epoch() * all + done_ % batches_.per_epoch() * batches_.batch_size();
}

Result<TrainingState> Trainer::state() const {
  return guarded("keeping the training's state", [&]() -> Result<TrainingState> {
    // Weights, those of the best pass and two moments of each; room that stays empty is no memory.
    constexpr std::size_t kBeside = 1u << 16;  // generator, names, whatever a keeper adds
    StateWriter to(4 * sizeof(float) * request_.global.values.size() + kBeside);
    to.bytes(as_bytes(TORCH_VERSION));
    to.real(loss_sum_);
    to.real(loss_rows_);
    to.real(seconds());
    model_->save_state(to);
    optimizer_->save_state(to);
    if (best_) best_->save_state(to);
    return TrainingState{done_, total_, std::move(to).take()};
  });
}

Status Trainer::restore(const TrainingState& earlier) {
  const Status restored = guarded("going on with a training", [&]() -> Status {
    StateReader from(earlier.bytes);
    TRIB_TRY(version, from.bytes());
    if (as_text(version) != TORCH_VERSION || earlier.total != total_ || earlier.batches > total_)
      return make_error(ErrorCode::kDataLoss, "it was another Torch or another training");
    TRIB_TRY(loss_sum, from.real());
    TRIB_TRY(loss_rows, from.real());
    TRIB_TRY(seconds, from.real());
    TRIB_CHECK_OK(model_->restore_state(from));
    TRIB_CHECK_OK(check_layout(*model_, request_.global.layout));
    TRIB_CHECK_OK(optimizer_->restore_state(from));
    if (best_) TRIB_CHECK_OK(best_->restore_state(from));
    TRIB_CHECK_OK(from.end());
    if (!private_) batches_.skip(earlier.batches);
    done_ = earlier.batches;
    loss_sum_ = loss_sum;
    loss_rows_ = loss_rows;
    seconds_before_ = seconds;
    return {};
  });
  if (restored) return {};
  return make_error(ErrorCode::kDataLoss, restored.error().message);
}

Status Trainer::one_batch() {
  const std::uint64_t place = batches_.drawn();
  const std::span<const std::uint32_t> rows = batches_.next();
  Batch batch = maker_.make(rows, place);
  maker_.will_need(batches_.coming());
  if (device_for(request_.job, request_.device) == Device::kCuda) move(batch, torch::kCUDA);
  const torch::Tensor loss = objective_->loss(*model_, batch);
  const double value = static_cast<double>(loss.item<float>());
  if (!std::isfinite(value)) {
    return make_error(
        ErrorCode::kFailedPrecondition,
        "the loss of batch " + std::to_string(done_ + 1) + " of " + std::to_string(total_) +
            " is not a finite number; lower the learning rate, or check the inputs' scale");
  }
  step(loss);
  if (best_ || total_ - done_ <= batches_.per_epoch()) {
    loss_sum_ += value * static_cast<double>(rows.size());
    loss_rows_ += static_cast<double>(rows.size());
  }
  ++done_;
  return {};
}

// Behind each pass, and behind the last batch where that is within one. Not stopped in the middle:
// a checkpoint stands between batches, with the verdict on those before it.
Status Trainer::judge_pass() {
  if (done_ % batches_.per_epoch() != 0 && done_ < total_) return {};
  model_->refresh_tensors();
  TRIB_TRY(counts, count_scores(*model_, request_.job, *request_.validation, {}));
  model_->set_training(true);
  best_->add(figures_of(counts).loss, loss_sum_ / loss_rows_, done_, *model_);
  loss_sum_ = loss_rows_ = 0.0;
  return {};
}

Result<TrainOutput> Trainer::run() {
  // What everybody can foretell would be no part of what hides a row.
  const auto hold = model_->seed_randomness(
      private_ ? private_->random.next_u64() : derive_seed(request_.shuffle_seed, "dropout"));
  if (request_.resume) {
    if (const auto state = request_.resume()) TRIB_CHECK_OK(restore(*state));
  }
  model_->set_training(true);
  collect_weights();
  std::uint64_t kept = done_;
  while (done_ < total_ && !(best_ && best_->over())) {
    const bool stopped = request_.should_stop && request_.should_stop();
    if (done_ > kept && request_.checkpoint_due && request_.checkpoint_due()) {
      request_.checkpoint(state());
      kept = done_;
    }
    if (stopped) {
      return make_error(ErrorCode::kCancelled, "training was stopped after " +
                                                   std::to_string(done_) + " of " +
                                                   std::to_string(total_) + " batches");
    }
    TRIB_CHECK_OK(private_ ? one_private_batch() : one_batch());
    if (request_.progress) request_.progress(done_, total_);
    if (best_) TRIB_CHECK_OK(judge_pass());
  }
  TrainOutput output;
  output.examples = static_cast<std::uint64_t>(request_.data.rows);
  output.batches = done_;
  output.train_loss = loss_rows_ > 0.0 ? loss_sum_ / loss_rows_ : 0.0;
  output.rows = rows();
  model_->refresh_tensors();
  if (best_) {
    best_->put_back(*model_);
    output.train_loss = best_->train_loss();
    output.kept_batches = best_->batches();
    output.kept_loss = best_->loss();
  }
  TRIB_CHECK_OK(finish(output));
  output.seconds = seconds();
  return output;
}

}  // namespace

Result<TrainOutput> train(const TrainRequest& request) {
  return guarded("training", [&]() -> Result<TrainOutput> {
    use_threads(request.threads);
    if (request.data.rows == 0) {
      return make_error(ErrorCode::kFailedPrecondition,
                        "this site has no training rows for the job");
    }
    TRIB_CHECK_OK(check_examples(request.job, request.data));
    if (request.validation != nullptr)
      TRIB_CHECK_OK(check_examples(request.job, *request.validation));
    JobSpec job = request.job;
    job.train.class_weights.weights = class_weights_at(job, request.data);
    TRIB_TRY(algorithm, find_algorithm(job.train.algorithm.name));
    TRIB_TRY(schedule, find_schedule(job.train.schedule.name));
    const double factor =
        schedule_factor(*schedule, job.train.schedule.options, job.rounds.rounds, request.round);
    TRIB_TRY(optimizer, make_optimizer(job.train.optimizer, factor));
    TRIB_TRY(model,
             build_model(job, request.data.input_shape, request.module_file, request.device));
    TRIB_CHECK_OK(check_training(job, *model));
    TRIB_CHECK_OK(check_layout(*model, request.global.layout));
    TRIB_CHECK_OK(load_values(*model, request.start != nullptr ? *request.start : request.global));
    const double rate = option<double>(job.train.optimizer.options, "learning_rate") * factor;
    AlgorithmStart start{job.train.algorithm.options, job.train.optimizer, rate,
                         request.global.values,       request.server,      request.own};
    TRIB_TRY(objective, find_objective(job.train.objective.name));
    // What everybody can foretell would be no part of what hides a row.
    const std::uint64_t augment_seed = job.privacy.records
                                           ? SecureRandom().next_u64()
                                           : derive_seed(request.shuffle_seed, "augment");
    TRIB_TRY(augmenter, Augmenter::make(job.train.augment, augment_seed));
    const std::optional<ExampleSet> grown = augmenter.grown(request.data);
    Trainer trainer(
        request, grown ? *grown : request.data, model, std::move(optimizer), algorithm->make(start),
        objective->make({job, request.round, derive_seed(request.shuffle_seed, "objective")}),
        {std::move(augmenter), objective->two_views});
    if (job.privacy.records) TRIB_CHECK_OK(trainer.keep_private(job));
    return trainer.run();
  });
}

}  // namespace tributary
