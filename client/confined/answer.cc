// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "client/confined/errand_fields.h"
#include "client/confined/order.h"
#include "common/base/text.h"
#include "common/tensor/companions.h"

namespace tributary {
namespace {

constexpr std::size_t kMessageBytesMax = 1024;

Error nonsense(const std::string& what) {
  return make_error(ErrorCode::kProtocol, "its process gave an answer that is none: " + what);
}

// A code that this version does not know, and a text that is not fit for a log, come from the child
// too.
Error told_error(std::uint64_t code, const std::string& message) {
  const bool known = code <= static_cast<std::uint64_t>(ErrorCode::kInternal);
  return make_error(known ? static_cast<ErrorCode>(code) : ErrorCode::kProtocol,
                    std::string(cut_utf8(escaped(message), kMessageBytesMax)));
}

template <typename T, typename Write>
Bytes written(const Result<T>& result, std::size_t room, Write write) {
  ErrandWriter fields(room);
  fields(result.has_value());
  if (result) {
    write(fields, *result);
  } else {
    fields(result.error().code);
    fields(result.error().message);
  }
  return std::move(fields).take();
}

template <typename T, typename Read>
Result<T> parsed(ByteView answer, Read read) {
  ErrandReader fields(answer);
  bool good = false;
  fields(good);
  T value{};
  std::uint64_t code = 0;
  std::string message;
  if (good) {
    read(fields, value);
  } else {
    fields(code);
    fields(message);
  }
  if (const Status end = fields.end(); !end) return nonsense(end.error().message);
  if (!good) return told_error(code, message);
  return value;
}

// The one list of a training's figures, for both directions.
template <typename Output, typename Visitor>
void visit(Output& output, Visitor& fields) {
  fields(output.update.values);
  fields(output.companions);
  fields(output.own);
  fields(output.local);
  fields(output.train_loss);
  fields(output.update_norm);
  fields(output.examples);
  fields(output.batches);
  fields(output.seconds);
  fields(output.rows);
  fields(output.kept_batches);
  fields(output.kept_loss);
}

template <typename Counts, typename Visitor>
void visit_counts(Counts& counts, Visitor& fields) {
  fields(counts.examples);
  fields(counts.loss_units);
  fields(counts.correct);
  fields(counts.places);
  std::vector<std::uint64_t> classes;
  for (const ClassCounts& one : counts.classes)
    classes.insert(classes.end(), {one.true_positives, one.false_positives, one.false_negatives});
  fields(classes);
  if constexpr (!std::is_const_v<Counts>) {
    for (std::size_t i = 0; i + 2 < classes.size(); i += 3)
      counts.classes.push_back({classes[i], classes[i + 1], classes[i + 2]});
  }
  fields(counts.positives);
  fields(counts.negatives);
  fields(counts.confusion);
  fields(counts.measured.absolute_errors);
  fields(counts.measured.targets);
  fields(counts.measured.target_squares);
  fields(counts.measured.absolute_count);
  fields(counts.measured.target_count);
  fields(counts.ngrams);
}

template <typename State, typename Visitor>
void visit_state(State& state, Visitor& fields) {
  fields(state.batches);
  fields(state.total);
  fields(state.bytes);
}

}  // namespace

Bytes answer_of(const Result<Model>& result) {
  return written(result, result ? sizeof(float) * result->values.size() + 4096 : 0,
                 [](ErrandWriter& fields, const Model& model) {
                   fields(model.layout);
                   fields(model.values);
                 });
}

Result<Model> read_model(ByteView answer) {
  TRIB_TRY(model, parsed<Model>(answer, [](ErrandReader& fields, Model& made) {
             fields(made.layout);
             fields(made.values);
           }));
  if (const Status valid = validate_layout(model.layout); !valid) return valid.error();
  if (model.layout.element_count() != model.values.size()) return nonsense("values for no tensor");
  return model;
}

Bytes answer_of(const Result<TrainOutput>& result) {
  const std::size_t room =
      result ? sizeof(float) * (result->update.values.size() + result->companions.size() +
                                result->own.size() + result->local.size()) +
                   4096
             : 0;
  return written(result, room,
                 [](ErrandWriter& fields, const TrainOutput& output) { visit(output, fields); });
}

Result<TrainOutput> read_training(ByteView answer, const JobSpec& job, const Model& global) {
  TRIB_TRY(output, parsed<TrainOutput>(answer, [](ErrandReader& fields, TrainOutput& trained) {
             visit(trained, fields);
           }));
  const std::size_t values = global.values.size();
  const Layout whole = update_layout(companions_of(job.train.algorithm.name), global.layout);
  if (output.update.values.size() != values ||
      output.companions.size() != whole.element_count() - values ||
      (!output.own.empty() && output.own.size() != values) || output.local.size() > values)
    return nonsense("an update of another model");
  if (!std::isfinite(output.train_loss) || !std::isfinite(output.update_norm) ||
      !std::isfinite(output.seconds) || !std::isfinite(output.kept_loss))
    return nonsense("a figure that is no number");
  output.update.layout = global.layout;
  return output;
}

Bytes answer_of(const Result<EvaluationCounts>& result) {
  return written(result, 1u << 17, [](ErrandWriter& fields, const EvaluationCounts& counts) {
    visit_counts(counts, fields);
  });
}

Result<EvaluationCounts> read_counts(ByteView answer, const DataSpec& data) {
  TRIB_TRY(counts,
           parsed<EvaluationCounts>(answer, [](ErrandReader& fields, EvaluationCounts& counted) {
             visit_counts(counted, fields);
           }));
  if (const Status valid = validate_counts(counts); !valid) return nonsense(valid.error().message);
  if (!fits(counts, data)) return nonsense("counts of another job");
  return counts;
}

Bytes answer_of(const Result<Bytes>& result) {
  return written(result, result ? result->size() + 64 : 0,
                 [](ErrandWriter& fields, const Bytes& bytes) { fields(bytes); });
}

Result<Bytes> read_bytes(ByteView answer) {
  return parsed<Bytes>(answer, [](ErrandReader& fields, Bytes& bytes) { fields(bytes); });
}

Bytes checkpoint_frame(const Result<TrainingState>& state) {
  return written(
      state, state ? state->bytes.size() + 64 : 0,
      [](ErrandWriter& fields, const TrainingState& kept) { visit_state(kept, fields); });
}

Result<TrainingState> read_checkpoint(ByteView frame) {
  return parsed<TrainingState>(
      frame, [](ErrandReader& fields, TrainingState& state) { visit_state(state, fields); });
}

Bytes progress_frame(std::uint64_t done, std::uint64_t total) {
  ErrandWriter fields;
  fields(done);
  fields(total);
  return std::move(fields).take();
}

Result<std::pair<std::uint64_t, std::uint64_t>> read_progress(ByteView frame) {
  std::pair<std::uint64_t, std::uint64_t> read{0, 0};
  ErrandReader fields(frame);
  fields(read.first);
  fields(read.second);
  if (const Status end = fields.end(); !end) return nonsense(end.error().message);
  return read;
}

}  // namespace tributary
