// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include "client/data/dataset.h"
#include "common/config/client_file.h"
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

// The files that a loader reads, in memory where /tmp is.
class Files {
 public:
  void write(const std::string& name, ByteView bytes) const {
    // A file system may hurry to the disk what is written over something else.
    std::filesystem::remove(directory_ / name);
    std::ofstream out(directory_ / name, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  }
  // As client.yaml names it: "{loader: csv, path: a.csv}".
  DatasetSource source(const std::string& loader_and_options) const {
    const auto parsed =
        *parse_datasets("datasets: {d: " + loader_and_options + "}\n", directory_ / "client.yaml");
    return {parsed.at("d").name, parsed.at("d").options};
  }

 private:
  TemporaryDirectory directory_;
};

DataSpec patients() {
  DataSpec spec;
  spec.dataset = "patients";
  spec.features.resize(2);
  spec.features[0].name = "age";
  spec.features[1].name = "sex";
  spec.features[1].kind = FeatureKind::kCategorical;
  spec.label = "ill";
  return spec;
}

DataSpec digits() {
  DataSpec spec;
  spec.dataset = "digits";
  spec.target = TargetKind::kClasses;
  spec.classes = 10;
  spec.input_shape = {1, 4, 4};
  return spec;
}

bool loads(const DatasetSource& source, const DataSpec& spec) {
  std::string detail;
  return load_dataset(source, spec, {}, 1, &detail).has_value();
}

// The labels of twenty images.
Bytes digit_labels() {
  Bytes bytes{std::byte{0}, std::byte{0}, std::byte{8}, std::byte{1},
              std::byte{0}, std::byte{0}, std::byte{0}, std::byte{20}};
  for (int i = 0; i < 20; ++i) bytes.push_back(static_cast<std::byte>(i % 10));
  return bytes;
}

bool is_zip(ByteView bytes) { return bytes.size() > 1 && bytes[0] == std::byte{0x1f}; }

}  // namespace

bool fuzz_csv(ByteView bytes) {
  static const Files kFiles;
  static const DatasetSource kSource = kFiles.source("{loader: csv, path: a.csv}");
  static const DataSpec kSpec = patients();
  kFiles.write("a.csv", bytes);
  std::string detail;
  return summarize_dataset(kSource, kSpec, 1, &detail).has_value();
}

// Images; compressed where they begin like gzip.
bool fuzz_idx(ByteView bytes) {
  static const Files kFiles;
  static const DatasetSource kPlain =
      kFiles.source("{loader: idx, images: images, labels: labels}");
  static const DatasetSource kZipped =
      kFiles.source("{loader: idx, images: images.gz, labels: labels}");
  static const DataSpec kSpec = digits();
  kFiles.write("labels", digit_labels());
  kFiles.write(is_zip(bytes) ? "images.gz" : "images", bytes);
  return loads(is_zip(bytes) ? kZipped : kPlain, kSpec);
}

bool fuzz_npy(ByteView bytes) {
  static const Files kFiles;
  static const DatasetSource kSource = kFiles.source("{loader: npy, inputs: x.npy, labels: y.npy}");
  static const DataSpec kSpec = digits();
  const std::string head = "{'descr': '|u1', 'fortran_order': False, 'shape': (20,), }\n";
  Bytes labels{std::byte{0x93}};
  for (const char c : std::string("NUMPY\x01\0", 7)) labels.push_back(static_cast<std::byte>(c));
  labels.push_back(static_cast<std::byte>(head.size()));
  labels.push_back(std::byte{0});
  for (const char c : head) labels.push_back(static_cast<std::byte>(c));
  for (int i = 0; i < 20; ++i) labels.push_back(static_cast<std::byte>(i % 10));
  kFiles.write("y.npy", labels);
  kFiles.write("x.npy", bytes);
  return loads(kSource, kSpec);
}

bool fuzz_npz(ByteView bytes) {
  static const Files kFiles;
  static const DatasetSource kSource = kFiles.source("{loader: npz, path: a.npz}");
  static const DataSpec kSpec = digits();
  kFiles.write("a.npz", bytes);
  return loads(kSource, kSpec);
}

}  // namespace tributary
