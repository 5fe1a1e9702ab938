// SPDX-License-Identifier: Apache-2.0
#include "common/base/limits.h"
#include "common/wire/convert.h"

namespace tributary {
namespace {

// A column's name comes from the job file; the table's key is told once.
template <typename Map>
typename Map::mapped_type& slot(FieldReader& in, const char* field, Map& map,
                                const std::string& key) {
  if (map.contains(key)) in.fault(field, "a name stands twice");
  return map[in.text(field, key, limits::kTensorNameMax)];
}

void to_histogram(const std::vector<std::uint64_t>& from,
                  google::protobuf::RepeatedField<std::uint64_t>& to) {
  to.Assign(from.begin(), from.end());
}

std::vector<std::uint64_t> from_histogram(
    FieldReader& in, const char* field,
    const google::protobuf::RepeatedField<std::uint64_t>& from) {
  const auto bins = static_cast<std::size_t>(from.size());
  if (bins != 0 && bins != limits::kScoreBins && bins != limits::kConfidenceBins) {
    in.fault(field, "not " + std::to_string(limits::kScoreBins) + " or " +
                        std::to_string(limits::kConfidenceBins) + " bins");
    return {};
  }
  return {from.begin(), from.end()};
}

void to_wire(const MeasuredSums& from, wire::MeasuredSums& to) {
  to.set_absolute_errors(from.absolute_errors);
  to.set_targets(from.targets);
  to.set_target_squares(from.target_squares);
  to.set_absolute_count(from.absolute_count);
  to.set_target_count(from.target_count);
}

MeasuredSums from_wire(const wire::MeasuredSums& from) {
  return {from.absolute_errors(), from.targets(), from.target_squares(), from.absolute_count(),
          from.target_count()};
}

}  // namespace

void to_wire(const DataSummary& from, wire::DataSummary& to) {
  to.set_training_rows(from.training_rows);
  to.set_validation_rows(from.validation_rows);
  for (const auto& [column, one] : from.numeric) {
    wire::NumericSummary& numeric = *to.add_numeric();
    numeric.set_column(column);
    numeric.set_count(one.count);
    numeric.set_mean(one.mean);
    numeric.set_squared_deviations(one.squared_deviations);
  }
  for (const auto& [column, words] : from.categories) {
    wire::CategorySummary& category = *to.add_categories();
    category.set_column(column);
    for (const auto& [word, rows] : words) {
      wire::CategoryCount& count = *category.add_words();
      count.set_word(word);
      count.set_rows(rows);
    }
  }
}

DataSummary from_wire(FieldReader& in, const wire::DataSummary& from) {
  DataSummary to;
  to.training_rows = from.training_rows();
  to.validation_rows = from.validation_rows();
  if (to.training_rows > limits::kExamplesMax || to.validation_rows > limits::kExamplesMax) {
    in.fault("summary.rows", "more than any site has");
  }
  in.count("summary.numeric", from.numeric_size(), limits::kColumnsMax);
  in.count("summary.categories", from.categories_size(), limits::kColumnsMax);
  for (const wire::NumericSummary& one : from.numeric()) {
    NumericSummary& numeric = slot(in, "summary.numeric", to.numeric, one.column());
    numeric.count = one.count();
    if (numeric.count > to.training_rows)
      in.fault("summary.numeric.count", "more values than rows");
    numeric.mean = in.finite("summary.numeric.mean", one.mean());
    numeric.squared_deviations =
        in.finite("summary.numeric.squared_deviations", one.squared_deviations());
    if (numeric.squared_deviations < 0) in.fault("summary.numeric.squared_deviations", "negative");
  }
  for (const wire::CategorySummary& one : from.categories()) {
    auto& words = slot(in, "summary.categories", to.categories, one.column());
    in.count("summary.categories.words", one.words_size(), limits::kCategoriesMax);
    for (const wire::CategoryCount& word : one.words()) {
      words[in.text("summary.categories.word", word.word(), limits::kCategoryNameMax)] =
          word.rows();
    }
  }
  return to;
}

void to_wire(const DataPlan& from, wire::DataPlan& to) {
  for (const auto& [column, one] : from.numeric) {
    wire::NumericPlan& numeric = *to.add_numeric();
    numeric.set_column(column);
    numeric.set_mean(one.mean);
    numeric.set_deviation(one.deviation);
  }
  for (const auto& [column, words] : from.vocabularies) {
    wire::VocabularyPlan& vocabulary = *to.add_vocabularies();
    vocabulary.set_column(column);
    for (const std::string& word : words) vocabulary.add_words(word);
  }
}

DataPlan from_wire(FieldReader& in, const wire::DataPlan& from) {
  DataPlan to;
  in.count("plan.numeric", from.numeric_size(), limits::kColumnsMax);
  in.count("plan.vocabularies", from.vocabularies_size(), limits::kColumnsMax);
  for (const wire::NumericPlan& one : from.numeric()) {
    NumericPlan& numeric = slot(in, "plan.numeric", to.numeric, one.column());
    numeric.mean = in.finite("plan.numeric.mean", one.mean());
    numeric.deviation = in.finite("plan.numeric.deviation", one.deviation());
    if (numeric.deviation <= 0) in.fault("plan.numeric.deviation", "not positive");
  }
  for (const wire::VocabularyPlan& one : from.vocabularies()) {
    auto& words = slot(in, "plan.vocabularies", to.vocabularies, one.column());
    in.count("plan.vocabularies.words", one.words_size(), limits::kCategoriesMax);
    for (const std::string& word : one.words()) {
      words.push_back(in.text("plan.vocabularies.word", word, limits::kCategoryNameMax));
    }
  }
  return to;
}

void to_wire(const EvaluationCounts& from, wire::EvaluationCounts& to) {
  to.set_examples(from.examples);
  to.set_loss_units(from.loss_units);
  to.set_correct(from.correct);
  to.set_places(from.places);
  for (const ClassCounts& one : from.classes) {
    wire::ClassCounts& counts = *to.add_classes();
    counts.set_true_positives(one.true_positives);
    counts.set_false_positives(one.false_positives);
    counts.set_false_negatives(one.false_negatives);
  }
  to_histogram(from.positives, *to.mutable_positives());
  to_histogram(from.negatives, *to.mutable_negatives());
  to_histogram(from.confusion, *to.mutable_confusion());
  if (from.measured != MeasuredSums{}) to_wire(from.measured, *to.mutable_measured());
  to_histogram(from.ngrams, *to.mutable_ngrams());
}

// Whether the counts agree with each other is the domain's validate_counts.
EvaluationCounts from_wire(FieldReader& in, const wire::EvaluationCounts& from) {
  EvaluationCounts to;
  to.examples = from.examples();
  to.loss_units = from.loss_units();
  to.correct = from.correct();
  to.places = from.places();
  in.count("counts.classes", from.classes_size(), limits::kClassesMax);
  for (const wire::ClassCounts& one : from.classes()) {
    to.classes.push_back({one.true_positives(), one.false_positives(), one.false_negatives()});
  }
  to.positives = from_histogram(in, "counts.positives", from.positives());
  to.negatives = from_histogram(in, "counts.negatives", from.negatives());
  in.count("counts.confusion", from.confusion_size(),
           limits::kConfusionClassesMax * limits::kConfusionClassesMax);
  in.count("counts.ngrams", from.ngrams_size(), kNgramCounts);
  to.confusion.assign(from.confusion().begin(), from.confusion().end());
  to.measured = from_wire(from.measured());
  to.ngrams.assign(from.ngrams().begin(), from.ngrams().end());
  return to;
}

}  // namespace tributary
