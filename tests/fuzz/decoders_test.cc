// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "client/data/dataset.h"
#include "common/base/random_source.h"
#include "common/config/client_file.h"
#include "common/config/coordinator_file.h"
#include "common/config/job_file.h"
#include "common/config/policy_file.h"
#include "common/tensor/safetensors.h"
#include "common/wire/frame_codec.h"
#include "common/wire/message_codec.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr int kRuns = 4000;

// One to four faults of the kinds that links, disks and hostile peers make.
std::string damaged(std::string text, SeededRandom& random) {
  const auto below = [&random](std::size_t bound) {
    return static_cast<std::size_t>(random.next_u64() % std::max<std::size_t>(bound, 1));
  };
  for (std::size_t faults = 1 + below(4); faults > 0 && !text.empty(); --faults) {
    const std::size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2:
        text.resize(at);
        break;
      case 3:
        text.insert(at, std::string(1 + below(8), static_cast<char>(below(256))));
        break;
      case 4:
        text.erase(at, 1 + below(16));
        break;
      default:
        text.insert(at, text.substr(below(text.size()), below(64)));
    }
  }
  return text;
}

// Returns how many of the damaged inputs were refused.
int fuzz(const std::vector<std::string>& valid, int runs,
         const std::function<bool(const std::string&)>& decode) {
  SeededRandom random(2026);
  int refused = 0;
  for (const std::string& input : valid) {
    EXPECT_TRUE(decode(input)) << "the undamaged input";
    for (int i = 0; i < runs; ++i) refused += decode(damaged(input, random)) ? 0 : 1;
  }
  return refused;
}

std::string text_of(const Bytes& bytes) { return std::string(as_text(bytes)); }

TEST(FuzzDecoders, Messages) {
  Hello hello;
  hello.software = "tributary";
  hello.datasets = {"patients", "images"};
  Task task;
  task.key = {JobId{"heart-1"}, 3, 1, TaskKind::kTrain};
  task.document = "name: heart\n";
  task.plan.numeric["age"] = {50.0, 9.0};
  task.plan.vocabularies["sex"] = {"f", "m"};
  TaskResult prepared{task.key, PrepareResult{{.training_rows = 50,
                                               .validation_rows = 5,
                                               .numeric = {{"age", {50, 49.5, 12.0}}},
                                               .categories = {{"sex", {{"f", 20}, {"m", 30}}}}}}};
  TaskResult trained{task.key, TrainResult{{Digest{}, 400}, 50, 0.25, 1.5, 2.0}};
  std::vector<std::string> valid;
  for (const Message& message : std::vector<Message>{
           hello, TaskOffer{task}, prepared, trained, Heartbeat{7, false},
           Goodbye{ErrorCode::kUnavailable, "bye", 100}, SubmitJob{"name: x\n", "token", {}}})
    valid.push_back(text_of(*encode_message(message)));
  EXPECT_GT(fuzz(valid, kRuns,
                 [](const std::string& bytes) {
                   const Result<Message> message = decode_message(as_bytes(bytes));
                   // What is understood can be said again.
                   if (message) {
                     EXPECT_TRUE(encode_message(*message).has_value());
                   }
                   return message.has_value();
                 }),
            kRuns);
}

TEST(FuzzDecoders, FrameHeaders) {
  SeededRandom random(1);
  for (int i = 0; i < 100 * kRuns; ++i) {
    std::array<std::byte, kFrameHeaderBytes> bytes;
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next_u64() & 0xff);
    const auto header = decode_frame_header(bytes);
    if (header) {
      ASSERT_EQ(encode_frame_header(*header), bytes);
    }
  }
}

TEST(FuzzDecoders, Safetensors) {
  const Model model{Layout{{{"fc.weight", {2, 3}}, {"fc.bias", {2}}}}, {1, 2, 3, 4, 5, 6, 7, 8}};
  EXPECT_GT(fuzz({text_of(encode_safetensors(model))}, 5 * kRuns,
                 [](const std::string& bytes) {
                   return decode_safetensors(as_bytes(bytes)).has_value();
                 }),
            kRuns);
}

TEST(FuzzDecoders, ConfigurationFiles) {
  const std::string tls = "tls: {certificate: a.pem, key: a.key, ca: ca.pem}\n";
  EXPECT_GT(
      fuzz({"name: heart\nseed: 3\nmodel: {family: mlp, hidden: [8, 4]}\ndata:\n"
            "  dataset: patients\n  features: [age, {name: sex, type: categorical}]\n"
            "  label: ill\n  missing: mean\ntrain: {epochs: 2, batch_size: 8, optimizer: "
            "{name: adam, learning_rate: 0.1}}\nrounds: {count: 4, deadline: 30s}\n"},
           kRuns, [](const std::string& text) { return parse_job(text, "job.yaml").has_value(); }),
      kRuns / 2);
  EXPECT_GT(
      fuzz({"coordinator: localhost:7443\nserver_name: coordinator\nstate_dir: state\n" + tls +
            "datasets: {patients: {loader: csv, path: patients.csv}}\nlog: {file: a.jsonl}\n"},
           kRuns,
           [](const std::string& text) {
             return parse_client_config(text, "client.yaml").has_value();
           }),
      kRuns / 4);
  EXPECT_GT(fuzz({"listen: 127.0.0.1:7443\nstate_dir: state\nsites: [north, south]\n" + tls}, kRuns,
                 [](const std::string& text) {
                   return parse_coordinator_config(text, "coordinator.yaml").has_value();
                 }),
            kRuns / 4);
  EXPECT_GT(fuzz({"approval: manual\nhours: [\"20:00-06:00\"]\ncoordinators: [hub, {name: a}]\n"
                  "limits: {max_epochs: 5, max_upload: 4MiB}\nmetrics: {allow: [loss]}\n"},
                 kRuns,
                 [](const std::string& text) {
                   return parse_site_policy(text, "policy.yaml").has_value();
                 }),
            kRuns / 4);
}

class FuzzFiles : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
  }
  // As client.yaml names it: "{loader: csv, path: a.csv}".
  DatasetSource source(const std::string& loader_and_options) {
    auto parsed =
        *parse_datasets("datasets: {d: " + loader_and_options + "}\n", directory_ / "client.yaml");
    return {parsed.at("d").name, parsed.at("d").options};
  }
  TemporaryDirectory directory_;
};

TEST_F(FuzzFiles, Csv) {
  DataSpec spec;
  spec.dataset = "patients";
  spec.features.resize(2);
  spec.features[0].name = "age";
  spec.features[1].name = "sex";
  spec.features[1].kind = FeatureKind::kCategorical;
  spec.label = "ill";
  std::string table = "age,sex,ill\n";
  for (int i = 0; i < 12; ++i)
    table +=
        std::to_string(40 + i) + (i % 2 == 0 ? ",f," : ",\"m\",") + (i % 3 == 0 ? "1\n" : "0\n");
  const DatasetSource csv = source("{loader: csv, path: a.csv}");
  EXPECT_GT(fuzz({table}, kRuns / 4,
                 [&](const std::string& bytes) {
                   write("a.csv", bytes);
                   std::string detail;
                   return summarize_dataset(csv, spec, 1, &detail).has_value();
                 }),
            0);
}

TEST_F(FuzzFiles, IdxWithGzip) {
  std::string images_file("\0\0\x08\x03\0\0\0\x14\0\0\0\x04\0\0\0\x04", 16);
  images_file += std::string(20 * 16, '\x40');
  std::string labels("\0\0\x08\x01\0\0\0\x14", 8);
  for (char i = 0; i < 20; ++i) labels += static_cast<char>(i % 10);
  write("labels", labels);
  DataSpec spec;
  spec.dataset = "digits";
  spec.target = TargetKind::kClasses;
  spec.classes = 10;
  spec.input_shape = {1, 4, 4};
  const auto load = [&](const std::string& name) {
    const DatasetSource idx = source("{loader: idx, images: " + name + ", labels: labels}");
    std::string detail;
    return load_dataset(idx, spec, {}, 1, &detail).has_value();
  };
  EXPECT_GT(fuzz({images_file}, kRuns / 8,
                 [&](const std::string& bytes) {
                   write("images", bytes);
                   return load("images");
                 }),
            0);
  const std::string zipped = directory_ / "whole.gz";
  gzFile out = gzopen(zipped.c_str(), "wb");
  gzwrite(out, images_file.data(), static_cast<unsigned>(images_file.size()));
  gzclose(out);
  std::ifstream in(zipped, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_GT(fuzz({bytes}, kRuns / 8,
                 [&](const std::string& damage) {
                   write("images.gz", damage);
                   return load("images.gz");
                 }),
            0);
}

}  // namespace
}  // namespace tributary
