// SPDX-License-Identifier: Apache-2.0
#include "client/confined/order.h"

#include "client/confined/errand_fields.h"

namespace tributary {
namespace {

// A part that may be missing.
template <typename T, typename Visitor, typename Each>
void optional_of(std::optional<T>& part, Visitor& fields, Each each) {
  bool there = false;
  fields(there);
  if (there) each(part.emplace());
}
template <typename T, typename Visitor, typename Each>
void optional_of(const std::optional<T>& part, Visitor& fields, Each each) {
  fields(part.has_value());
  if (part) each(*part);
}

template <typename Head, typename Visitor>
void visit_training(Head& train, Visitor& fields) {
  fields(train.algorithm.name);
  fields(train.algorithm.options);
  fields(train.optimizer.name);
  fields(train.optimizer.options);
  fields(train.objective.name);
  fields(train.objective.options);
  fields(train.augment);
  fields(train.loss);
  fields(train.epochs);
  fields(train.steps);
  fields(train.batch_size);
  fields(train.schedule.name);
  fields(train.schedule.options);
  fields(train.clip_norm);
  fields(train.class_weights.balanced);
  fields(train.class_weights.weights);
  optional_of(train.local_stop, fields, [&](auto& stop) { fields(stop.patience); });
  fields(train.keep_local);
}

template <typename Records, typename Visitor>
void visit_records(Records& records, Visitor& fields) {
  fields(records.clip);
  fields(records.noise_multiplier);
  fields(records.delta);
  fields(records.max_epsilon);
}

// The one list of what travels, for both directions.
template <typename Head, typename Visitor>
void visit(Head& head, Visitor& fields) {
  fields(head.errand);
  fields(head.memory_bytes);
  fields(head.threads);
  fields(head.job.seed);
  fields(head.job.model.name);
  fields(head.job.model.options);
  fields(head.job.data.target);
  fields(head.job.data.classes);
  fields(head.job.data.label_values);
  fields(head.job.data.target_shape);
  fields(head.job.evaluation.written_rows);
  fields(head.job.rounds.rounds);
  visit_training(head.job.train, fields);
  fields(head.job.transfer.start);
  fields(head.job.transfer.freeze);
  optional_of(head.job.transfer.lora, fields, [&](auto& lora) {
    fields(lora.rank);
    fields(lora.alpha);
    fields(lora.targets);
  });
  fields(head.input_shape);
  fields(head.rows);
  fields(head.validation_rows);
  fields(head.layout);
  fields(head.round);
  fields(head.shuffle_seed);
  fields(head.has_start);
  fields(head.checkpoints);
}

constexpr auto kArrayKind = static_cast<std::uint32_t>(ErrandFrame::kArray);

}  // namespace

Status send_order(Channel& channel, const OrderHead& head, const OrderArrays& arrays) {
  ErrandWriter fields;
  visit(head, fields);
  const std::optional<RecordPrivacy>& records = head.job.privacy.records;
  fields(records.has_value());
  if (records) visit_records(*records, fields);
  fields(head.resume.has_value());
  fields(head.resume ? head.resume->batches : 0);
  fields(head.resume ? head.resume->total : 0);
  TRIB_CHECK_OK(
      channel.send(static_cast<std::uint32_t>(ErrandFrame::kOrder), std::move(fields).take()));
  for (const ByteView array :
       {arrays.module_file, arrays.resume, std::as_bytes(arrays.global),
        std::as_bytes(arrays.start), std::as_bytes(arrays.server), std::as_bytes(arrays.own),
        std::as_bytes(arrays.inputs), std::as_bytes(arrays.targets), std::as_bytes(arrays.labels),
        std::as_bytes(arrays.validation_inputs), std::as_bytes(arrays.validation_targets),
        std::as_bytes(arrays.validation_labels)})
    TRIB_CHECK_OK(channel.send(kArrayKind, array));
  return {};
}

Result<Order> receive_order(Channel& channel) {
  TRIB_TRY(frame, channel.receive());
  if (frame.kind != static_cast<std::uint32_t>(ErrandFrame::kOrder))
    return make_error(ErrorCode::kProtocol, "an order was expected");
  Order order;
  OrderHead& head = order.head;
  ErrandReader fields(frame.bytes);
  visit(head, fields);
  bool keeps_records_private = false;
  fields(keeps_records_private);
  if (keeps_records_private) visit_records(head.job.privacy.records.emplace(), fields);
  bool resumes = false;
  TrainingState resume;
  fields(resumes);
  fields(resume.batches);
  fields(resume.total);
  TRIB_CHECK_OK(fields.end());
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.module_file));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, resume.bytes));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.global.values));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.start.values));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.server));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.own));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.data.inputs));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.data.targets));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.data.labels));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.validation.inputs));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.validation.targets));
  TRIB_CHECK_OK(channel.receive_values(kArrayKind, order.validation.labels));
  if (resumes) head.resume = std::move(resume);
  order.global.layout = head.layout;
  if (head.has_start) order.start.layout = head.layout;
  order.data.input_shape = head.input_shape;
  order.data.target_shape = head.job.data.target_shape;
  order.data.rows = head.rows;
  order.validation.input_shape = order.data.input_shape;
  order.validation.target_shape = order.data.target_shape;
  order.validation.rows = head.validation_rows;
  return order;
}

}  // namespace tributary
