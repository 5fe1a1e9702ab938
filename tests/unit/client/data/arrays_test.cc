// SPDX-License-Identifier: Apache-2.0
// IDX and NPZ files, made here byte by byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "client/data/dataset.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kImages = std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02", 16) +
                            std::string("\x00\xff\x80\x01", 4);
const std::string kLabels = std::string("\0\0\x08\x01\0\0\0\x02", 8) + std::string("\x07\x02", 2);

class Arrays : public testing::Test {
 protected:
  void SetUp() override {
    spec_.input_shape = {1, 1, 2};
    spec_.value_scale = 1.0 / 255.0;
    spec_.target = TargetKind::kClasses;
    spec_.classes = 10;
    spec_.validation_fraction = 0.0;
    spec_.standardize = Standardize::kNone;
  }
  std::string put(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return directory_ / name;
  }
  Result<SiteExamples> load_idx(const std::string& images, const std::string& labels) {
    return load_dataset({"idx",
                         {{"images", images},
                          {"labels", labels},
                          {"validation_images", std::string()},
                          {"validation_labels", std::string()}}},
                        spec_, {}, 1, &detail_);
  }
  Result<SiteExamples> load_npz(const std::string& path) {
    return load_dataset({"npz",
                         {{"path", path},
                          {"inputs", std::string("inputs")},
                          {"labels", std::string("labels")},
                          {"validation_inputs", std::string()},
                          {"validation_labels", std::string()}}},
                        spec_, {}, 1, &detail_);
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  std::string detail_;
};

TEST_F(Arrays, IdxIsReadAndScaled) {
  const auto site = load_idx(put("i", kImages), put("l", kLabels));
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_THAT(site->training.inputs, ElementsAre(0.0f, 1.0f, 128.0f / 255.0f, 1.0f / 255.0f));
  EXPECT_THAT(site->training.labels, ElementsAre(7, 2));
}

TEST_F(Arrays, ALabelOfMinusOneIsNoneWhereTheJobKeepsSuchRows) {
  const std::string labels =
      put("labels", std::string("\0\0\x09\x01\0\0\0\x02", 8) + std::string("\xff\x02", 2));
  const std::string images = put("images", kImages);
  ASSERT_FALSE(load_idx(images, labels));
  spec_.keep_unlabelled = true;
  const auto site = load_idx(images, labels);
  ASSERT_TRUE(site) << site.error().message << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(-1, 2));
}

TEST_F(Arrays, IdxIsReadCompressedToo) {
  const std::string path = directory_ / "i.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, kImages.data(), static_cast<unsigned>(kImages.size()));
  gzclose(file);
  EXPECT_TRUE(load_idx(path, put("l", kLabels))) << detail_;
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 4);
  EXPECT_FALSE(load_idx(path, put("l", kLabels))) << "its checksum is cut off";
}

TEST_F(Arrays, TheJobsShapeIsThatOfTheFileUpToDimensionsOfOne) {
  // Two examples of 1 x 2 in the file.
  const std::string images = put("i", kImages), labels = put("l", kLabels);
  for (const auto& [shape, fits] :
       std::vector<std::pair<std::vector<std::int64_t>, bool>>{{{2}, true},
                                                               {{1, 2}, true},
                                                               {{2, 1}, true},
                                                               {{1, 2, 1}, true},
                                                               {{2, 2}, false},
                                                               {{1}, false}}) {
    spec_.input_shape = shape;
    const auto site = load_idx(images, labels);
    EXPECT_EQ(site.has_value(), fits) << testing::PrintToString(shape);
    if (site) {
      EXPECT_EQ(site->training.input_shape, shape);
    }
  }
  // Channels last in the file, first in the job: as many values, in another order.
  put("c", std::string("\0\0\x08\x04\0\0\0\x02\0\0\0\x02\0\0\0\x02\0\0\0\x03", 20) +
               std::string(24, 'x'));
  spec_.input_shape = {3, 2, 2};
  const auto site = load_idx(directory_ / "c", labels);
  ASSERT_FALSE(site);
  EXPECT_THAT(site.error().message, HasSubstr("[2, 2, 3], data.input_shape is [3, 2, 2]"));
}

TEST_F(Arrays, TheSitesValidationFilesReplaceTheSplit) {
  spec_.validation_fraction = 0.5;
  const std::string images = put("i", kImages), labels = put("l", kLabels);
  const DatasetSource source{"idx",
                             {{"images", images},
                              {"labels", labels},
                              {"validation_images", images},
                              {"validation_labels", labels}}};
  const auto site = load_dataset(source, spec_, {}, 1, &detail_);
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_EQ(site->validation.inputs, site->training.inputs);
  const auto summary = summarize_dataset(source, spec_, 1, &detail_);
  EXPECT_EQ(summary->training_rows, 2u);
  EXPECT_EQ(summary->validation_rows, 2u);
  put("v", kImages.substr(0, 15) + "\x01" + "ab");  // examples of one value
  DatasetSource narrow = source;
  narrow.options["validation_images"] = directory_ / "v";
  EXPECT_FALSE(load_dataset(narrow, spec_, {}, 1, &detail_)) << "their shape counts too";
}

TEST_F(Arrays, BrokenIdxFilesAreErrors) {
  const std::string labels = put("l", kLabels);
  EXPECT_FALSE(load_idx(put("a", kImages.substr(0, 18)), labels));
  EXPECT_THAT(detail_, HasSubstr("cut short"));
  EXPECT_FALSE(load_idx(put("b", kImages + "x"), labels));
  EXPECT_FALSE(load_idx(put("c", "hello"), labels));
  EXPECT_FALSE(load_idx(
      put("d", std::string("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16)),
      labels))
      << "a header cannot claim memory";
  EXPECT_FALSE(load_idx(directory_ / "none", labels));
  EXPECT_FALSE(load_idx(put("e", kImages), put("m", std::string("\0\0\x08\x01\0\0\0\x01\x07", 9))));
  spec_.classes = 5;
  EXPECT_FALSE(load_idx(put("f", kImages), labels)) << "label 7 of 5 classes";
  spec_.classes = 10;
  spec_.input_shape = {1, 2, 2};
  EXPECT_FALSE(load_idx(put("g", kImages), labels));
}

// Format 1.0 holds the header's length in two bytes, 2.0 and 3.0 in four.
std::string npy(char version, const std::string& header, const std::string& data) {
  std::string bytes("\x93NUMPY", 6);
  bytes += {version, '\0', static_cast<char>(header.size() & 0xff),
            static_cast<char>(header.size() >> 8)};
  if (version > 1) bytes += std::string(2, '\0');
  return bytes + header + data;
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data) {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size()) % 64 != 63) header += ' ';
  return npy(1, header + '\n', data);
}

void write_npz(const std::string& path, const std::string& inputs, const std::string& labels) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  zip_file_add(archive, "inputs.npy", zip_source_buffer(archive, inputs.data(), inputs.size(), 0),
               0);
  zip_file_add(archive, "labels.npy", zip_source_buffer(archive, labels.data(), labels.size(), 0),
               0);
  ASSERT_EQ(zip_close(archive), 0);
}

TEST_F(Arrays, NpzIsReadWithItsTypes) {
  spec_.value_scale = 1.0;
  const float values[4] = {0.5f, -1.0f, 2.0f, 3.0f};
  const std::int64_t labels[2] = {3, 9};
  write_npz(directory_ / "a.npz",
            npy("<f4", "(2, 2)", std::string(reinterpret_cast<const char*>(values), 16)),
            npy("<i8", "(2,)", std::string(reinterpret_cast<const char*>(labels), 16)));
  const auto site = load_npz(directory_ / "a.npz");
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.inputs, ElementsAre(0.5f, -1.0f, 2.0f, 3.0f));
  EXPECT_THAT(site->training.labels, ElementsAre(3, 9));
}

TEST_F(Arrays, NpyVersionsTypesAndByteOrdersAreRead) {
  spec_.value_scale = 1.0;
  spec_.input_shape = {1};
  const std::string labels = npy("|u1", "(1, 1)", "\x04");
  const std::string f8("\0\0\0\0\0\0\xf8\xbf", 8);  // -1.5
  for (const auto& [descr, bytes, value] : std::vector<std::tuple<std::string, std::string, float>>{
           {"<f8", f8, -1.5f},
           {"<f4", f8.substr(4), -1.9375f},
           {"|u1", "\xfe", 254.0f},
           {"|i1", "\xfe", -2.0f},
           {"|b1", "\x01", 1.0f},
           {"<i2", "\xfe\xff", -2.0f},
           {"<u2", "\xfe\xff", 65534.0f},
           {">u2", "\x01\x02", 258.0f},
           {"<i4", "\xfe\xff\xff\xff", -2.0f},
           {"<u4", "\xfe\xff\x01\x01", 16908286.0f},
           {"<i8", "\xfe\xff\xff\xff\xff\xff\xff\xff", -2.0f}}) {
    write_npz(directory_ / "a.npz", npy(descr, "(1, 1)", bytes), labels);
    const auto site = load_npz(directory_ / "a.npz");
    ASSERT_TRUE(site) << descr << detail_;
    EXPECT_THAT(site->training.inputs, ElementsAre(value)) << descr;
    EXPECT_THAT(site->training.labels, ElementsAre(4));
  }
  for (const char version : {'\x02', '\x03'}) {
    write_npz(directory_ / "a.npz",
              npy(version, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\n", "\x09"),
              labels);
    EXPECT_TRUE(load_npz(directory_ / "a.npz")) << detail_;
  }
}

TEST_F(Arrays, WhatNumpyWritesIsRead) {
  const std::string python = "/usr/bin/python3 -c \"";
  if (std::system((python + "import numpy\" 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no numpy in /usr/bin/python3 here";
  for (const char* save : {"savez", "savez_compressed"}) {
    const std::string path = directory_ / (std::string(save) + ".npz");
    const std::string script = std::string("import numpy as n; n.") + save + "('" + path +
                               "', inputs=n.arange(6, dtype='f4').reshape(3, 1, 2) * 51, "
                               "labels=n.array([[1], [0], [9]]))";
    ASSERT_EQ(std::system((python + script + "\"").c_str()), 0);
    const auto site = load_npz(path);
    ASSERT_TRUE(site) << detail_;
    EXPECT_THAT(site->training.inputs,
                testing::Pointwise(testing::FloatEq(), {0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f}));
    EXPECT_THAT(site->training.labels, ElementsAre(1, 0, 9));
  }
}

TEST_F(Arrays, BrokenNpzFilesAreErrors) {
  const std::string labels = npy("|u1", "(2,)", "\x01\x02");
  EXPECT_FALSE(load_npz(put("text.npz", "no zip")));
  write_npz(directory_ / "a.npz", npy("<c8", "(2, 2)", std::string(32, 'x')), labels);
  EXPECT_FALSE(load_npz(directory_ / "a.npz"));
  EXPECT_THAT(detail_, HasSubstr("not supported"));
  write_npz(directory_ / "b.npz", npy("|u1", "(2, 2)", "123"), labels);
  EXPECT_FALSE(load_npz(directory_ / "b.npz"));
  EXPECT_THAT(detail_, HasSubstr("size of its shape"));
  const std::string four = "\x01\x02\x03\x04";
  for (const std::string& broken :
       {npy(4, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }", four),
        npy(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }", four),
        npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -2), }", four),
        npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967297), }",
            four),
        npy(1, "{'descr': '|u1', 'fortran_order': False, }", four), npy(1, "", ""),
        std::string("\x93NUMPY\x01\x00\xff\xff", 10) + four,
        npy("<f4", "(2, 2)", std::string("\0\0\xc0\x7f", 4) + std::string(12, '\0'))}) {
    write_npz(directory_ / "c.npz", broken, labels);
    EXPECT_FALSE(load_npz(directory_ / "c.npz")) << broken;
  }
}

TEST_F(Arrays, FaultsLeaveTheSiteWithoutPathOrValue) {
  write_npz(directory_ / "secret-a.npz", npy("secret", "(2, 2)", "1234"), npy("|u1", "(2,)", "12"));
  std::vector<Result<SiteExamples>> faults{load_npz(directory_ / "secret-a.npz"),
                                           load_npz(directory_ / "secret-none.npz"),
                                           load_idx(put("secret-i", "secret"), put("l", kLabels))};
  spec_.classes = 5;
  faults.push_back(load_idx(put("secret-j", kImages), put("secret-l", kLabels)));
  for (const auto& fault : faults) {
    ASSERT_FALSE(fault);
    EXPECT_THAT(fault.error().message, testing::Not(HasSubstr("secret")));
    EXPECT_THAT(fault.error().message, testing::Not(HasSubstr("7")));
  }
  EXPECT_THAT(detail_, HasSubstr("secret-l"));
}

TEST_F(Arrays, NpyFilesAreReadPlainAndCompressed) {
  const auto load_npy = [this](const std::string& inputs, const std::string& labels) {
    return load_dataset({"npy",
                         {{"inputs", inputs},
                          {"labels", labels},
                          {"validation_inputs", std::string()},
                          {"validation_labels", std::string()}}},
                        spec_, {}, 1, &detail_);
  };
  const std::string inputs =
      put("x.npy", npy("|u1", "(2, 1, 1, 2)", std::string("\0\xff\x33\0", 4)));
  const std::string labels = put("y.npy", npy("<i2", "(2,)", std::string("\x07\0\x02\0", 4)));
  const std::string zipped = directory_ / "x.npy.gz";
  gzFile file = gzopen(zipped.c_str(), "wb");
  const std::string bytes = npy("|u1", "(2, 1, 1, 2)", std::string("\0\xff\x33\0", 4));
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  for (const std::string& path : {inputs, zipped}) {
    const auto site = load_npy(path, labels);
    ASSERT_TRUE(site) << detail_;
    EXPECT_THAT(site->training.inputs,
                testing::Pointwise(testing::FloatEq(), {0.0f, 1.0f, 0.2f, 0.0f}));
    EXPECT_THAT(site->training.labels, ElementsAre(7, 2));
  }
  EXPECT_FALSE(load_npy(put("cut.npy", bytes.substr(0, bytes.size() - 1)), labels));
  EXPECT_THAT(detail_, AllOf(HasSubstr("cut.npy"), HasSubstr("size of its shape")));
  EXPECT_FALSE(load_npy(put("long.npy", bytes + "x"), labels));
  EXPECT_THAT(detail_, HasSubstr("more bytes"));
  EXPECT_FALSE(load_npy(inputs, ""));
  EXPECT_FALSE(load_npy(put("lie.npy", npy("<f8", "(1000000000, 1, 1, 2)", "12345678")), labels))
      << "a head cannot claim memory";
  spec_.target = TargetKind::kUnlabelled;
  const auto site = load_npy(inputs, "");
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_TRUE(site->training.labels.empty());
}

TEST_F(Arrays, LabelsMayStandAtSeveralPlaces) {
  spec_.target = TargetKind::kSegmentation;
  spec_.classes = 3;
  spec_.target_shape = {1, 2};
  write_npz(directory_ / "a.npz", npy("|u1", "(2, 1, 2)", "abcd"),
            npy("|i1", "(2, 1, 2)", std::string("\0\x02\xff\x01", 4)));
  const auto site = load_npz(directory_ / "a.npz");
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(0, 2, -1, 1));
  EXPECT_EQ(site->training.target_shape, spec_.target_shape);
  spec_.validation_fraction = 0.5;
  const auto split = load_npz(directory_ / "a.npz");
  ASSERT_TRUE(split) << detail_;
  EXPECT_EQ(split->training.labels.size(), 2u);
  EXPECT_EQ(split->validation.labels.size(), 2u);
  spec_.target_shape = {2, 2};
  EXPECT_FALSE(load_npz(directory_ / "a.npz"));
  EXPECT_THAT(detail_, HasSubstr("[1, 2], the job's is [2, 2]"));
}

TEST_F(Arrays, FaultyRowsArePassedOverUpToTheirShare) {
  spec_.value_scale = 1.0;
  const float nan = std::nanf("");
  const float values[8] = {1, 2, nan, 3, 4, 5, 6, 7};
  const std::string labels = npy("|u1", "(4,)", std::string("\x01\x02\x03\x63", 4));
  write_npz(directory_ / "a.npz",
            npy("<f4", "(4, 2)", std::string(reinterpret_cast<const char*>(values), 32)), labels);
  DatasetSource source{"npz",
                       {{"path", directory_ / "a.npz"},
                        {"inputs", std::string("inputs")},
                        {"labels", std::string("labels")},
                        {"validation_inputs", std::string()},
                        {"validation_labels", std::string()}}};
  EXPECT_FALSE(load_dataset(source, spec_, {}, 1, &detail_));
  EXPECT_THAT(detail_, HasSubstr("row 1"));
  source.faulty_records_max = 0.5;
  const auto site = load_dataset(source, spec_, {}, 1, &detail_);
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.inputs, ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(site->training.labels, ElementsAre(1, 3));
  EXPECT_EQ(site->faulty_rows, 2u);
  EXPECT_THAT(site->faulty_places, ElementsAre(HasSubstr("row 1"), HasSubstr("row 3")));
  source.faulty_records_max = 0.49;
  const auto refused = load_dataset(source, spec_, {}, 1, &detail_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("no finite number"), Not(HasSubstr("4"))));
  EXPECT_THAT(detail_, AllOf(HasSubstr("2 of 4 records are faulty"), HasSubstr("0.49")));
}

// A label for each pixel, -1 where there is none.
TEST_F(Arrays, LabelsHaveTheShapeThatTheTaskWants) {
  spec_.target = TargetKind::kSegmentation;
  spec_.target_shape = {1, 2};
  const std::string images = put("i", kImages);
  const auto labels = [&](const std::string& values) {
    return put("l", std::string("\0\0\x09\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02", 16) + values);
  };
  const auto site = load_idx(images, labels(std::string("\x07\xff\x00\x02", 4)));
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(7, -1, 0, 2));
  EXPECT_EQ(site->training.target_shape, spec_.target_shape);
  EXPECT_FALSE(load_idx(images, labels(std::string("\x07\xfe\x00\x02", 4)))) << "-2 is no class";
  const auto flat = load_idx(images, put("f", kLabels));
  ASSERT_FALSE(flat);
  EXPECT_THAT(flat.error().message, HasSubstr("the job's is [1, 2]"));
  spec_.validation_fraction = 0.5;
  const auto halves = load_idx(images, labels(std::string("\x07\xff\x00\x02", 4)));
  ASSERT_TRUE(halves) << detail_;
  EXPECT_EQ(halves->training.labels.size(), 2u);
  EXPECT_EQ(halves->validation.labels.size(), 2u);
  EXPECT_EQ(halves->validation.target_shape, spec_.target_shape);
}

TEST_F(Arrays, RowsWithoutLabelsAreForATaskWithoutThem) {
  const auto labelled = load_idx(put("i", kImages), "");
  ASSERT_FALSE(labelled);
  EXPECT_THAT(labelled.error().message, HasSubstr("wants labels"));
  spec_.target = TargetKind::kUnlabelled;
  const auto site = load_idx(put("i", kImages), "");
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_TRUE(site->training.labels.empty());
  EXPECT_TRUE(load_idx(put("i", kImages), directory_ / "none")) << "nobody asks for them";
}

TEST_F(Arrays, RealMnistHasItsKnownSizes) {
  const std::string folder = std::string(TRIBUTARY_SOURCE_DIR) + "/../shared/data/mnist/";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "no " << folder << " here: the real MNIST files are not tested";
  spec_.input_shape = {1, 28, 28};
  const auto site =
      load_idx(folder + "train-images-idx3-ubyte.gz", folder + "train-labels-idx1-ubyte.gz");
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 60'000);
}

TEST_F(Arrays, RealPneumoniaPicturesHaveTheirKnownSizes) {
  const std::string path =
      std::string(TRIBUTARY_SOURCE_DIR) + "/../shared/data/pneumonia/pneumoniamnist.npz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << " here";
  spec_.input_shape = {1, 28, 28};
  spec_.target = TargetKind::kBinary;
  const auto site = load_dataset({"npz",
                                  {{"path", path},
                                   {"inputs", std::string("train_images")},
                                   {"labels", std::string("train_labels")},
                                   {"validation_inputs", std::string("val_images")},
                                   {"validation_labels", std::string("val_labels")}}},
                                 spec_, {}, 1, &detail_);
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 4708);
  EXPECT_EQ(std::ranges::count(site->training.labels, 1), 3494);
  EXPECT_EQ(site->validation.rows, 524);
}

}  // namespace
}  // namespace tributary
