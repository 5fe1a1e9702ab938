// SPDX-License-Identifier: Apache-2.0
// A site whose rows lie on disk trains on them to the same bits.
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "client/learning/learner.h"
#include "client/work/site_data.h"
#include "common/config/client_file.h"
#include "common/config/job_file.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr std::int64_t kRows = 2'048;  // of 1024 values

constexpr const char* kJob = R"(name: j
model: logistic
data: {dataset: digits, task: binary, input_shape: [1024], value_scale: 0.00392156862745098}
train: {epochs: 1, batch_size: 64}
rounds: {count: 1}
)";

class RowsOnDisk : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream images(directory_ / "images", std::ios::binary);
    images << std::string("\0\0\x08\x02\0\0\x08\0\0\0\x04\0", 12);
    std::ofstream labels(directory_ / "labels", std::ios::binary);
    labels << std::string("\0\0\x08\x01\0\0\x08\0", 8);
    std::string row(1024, '\0');
    for (std::int64_t i = 0; i < kRows; ++i) {
      for (std::size_t at = 0; at < row.size(); at += 7)
        row[at] = static_cast<char>((static_cast<std::size_t>(i) * 31 + at * 17) % 251);
      images << row;
      labels << (i % 3 == 0 ? '\1' : '\0');
    }
  }
  std::vector<float> trained(std::optional<std::uint64_t> memory_bytes) const {
    FileSiteData data(
        *parse_datasets("datasets: {digits: {loader: idx, images: images, labels: labels}}\n",
                        directory_ / "client.yaml"));
    if (memory_bytes) data.keep_rows_in(directory_ / "rows", *memory_bytes);
    const JobSpec job = parse_job(kJob, "job.yaml")->spec;
    std::string detail;
    const auto examples = data.examples(job, {}, detail);
    if (!examples) return {};
    const auto global = initial_model(job, {1024}, {});
    if (!global) return {};
    const TrainRequest request{job, 1, *global, (*examples)->training, 7, 1, {}, {}, {}};
    const auto output = train(request);
    return output ? output->update.values : std::vector<float>{};
  }

  TemporaryDirectory directory_;
};

TEST_F(RowsOnDisk, TheSameBitsAsInMemory) {
  const std::vector<float> in_memory = trained({});
  ASSERT_FALSE(in_memory.empty());
  EXPECT_EQ(in_memory, trained(0)) << "all of them on disk";
}

}  // namespace
}  // namespace tributary
