// SPDX-License-Identifier: Apache-2.0
// Folders of pictures as a site's dataset.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "client/data/dataset.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/client/data/picture_files.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Images : public testing::Test {
 protected:
  void SetUp() override {
    spec_.input_shape = {1, 2, 2};
    spec_.target = TargetKind::kClasses;
    spec_.classes = 2;
    spec_.validation_fraction = 0.0;
    spec_.standardize = Standardize::kNone;
    source_ = {"images",
               {{"path", directory_ / "secret"},
                {"index", std::string()},
                {"path_column", std::string("path")},
                {"label_column", std::string("label")},
                {"validation_path", std::string()},
                {"validation_index", std::string()},
                {"resize", std::string("stretch")},
                {"mask_values", std::vector<std::int64_t>{}},
                {"mask_ignored", std::int64_t{-1}}}};
  }
  void put(const std::string& name, const std::string& bytes) {
    const std::filesystem::path path = directory_ / ("secret/" + name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  void put_index(const std::string& text) {
    std::ofstream(directory_ / "index.csv", std::ios::binary) << text;
    source_.options["index"] = directory_ / "index.csv";
  }
  static std::string grey(unsigned value) {
    return png_file(3, 3, std::vector<unsigned>(9, value));
  }
  Result<SiteExamples> load() {
    detail_.clear();
    return load_dataset(source_, spec_, {}, 1, &detail_);
  }
  std::string fault() {
    const auto site = load();
    return site ? "none" : site.error().message;
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  DatasetSource source_;
  std::string detail_;
};

TEST_F(Images, AFolderIsAClass) {
  put("well/2.png", grey(20));
  put("well/1.PNG", grey(10));
  put("ill/deep/3.png", grey(30));
  put("ill/notes.txt", "no picture");
  put("well/.hidden.png", "no picture");
  put("ill/4.jpeg", jpeg_file(8, 8, 1, std::vector<unsigned>(64, 40)));
  spec_.value_scale = 0.1;
  auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(0, 0, 1, 1));
  ASSERT_EQ(site->training.inputs.size(), 16u);
  EXPECT_FLOAT_EQ(site->training.inputs[8], 1.0F);
  EXPECT_FLOAT_EQ(site->training.inputs[12], 2.0F);
  EXPECT_FLOAT_EQ(site->training.inputs[4], 3.0F);  // "ill/deep" comes behind "ill/4.jpeg"
  spec_.label_values = {"well", "ill"};
  site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(1, 1, 0, 0));
  spec_.label_values = {"well", "dead"};
  EXPECT_THAT(fault(), AllOf(HasSubstr("not in data.label.values"), Not(HasSubstr("ill"))));
  spec_.label_values.clear();
  spec_.classes = 3;
  EXPECT_THAT(fault(), HasSubstr("2 folders, the job 3 classes"));
  spec_.target = TargetKind::kRegression;
  EXPECT_THAT(fault(), HasSubstr("folders tell classes"));
  EXPECT_THAT(detail_, HasSubstr("index"));
}

TEST_F(Images, AnIndexNamesFilesAndLabels) {
  put("a.png", grey(10));
  put("b/b.png", grey(20));
  put_index("who,label,path\n\"Roe, Jane\",1.5,b/b.png\nx,-2,a.png\n");
  spec_.target = TargetKind::kRegression;
  auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.targets, ElementsAre(1.5F, -2.0F));
  EXPECT_FLOAT_EQ(site->training.inputs[0], 20.0F);
  for (const std::string path : {"../index.csv", "/etc/passwd", "b/../../index.csv"}) {
    put_index("label,path\n1,a.png\n1," + path + "\n");
    EXPECT_THAT(fault(), AllOf(HasSubstr("below the dataset's folder"), Not(HasSubstr(path))));
    EXPECT_THAT(detail_, HasSubstr("line 3"));
  }
  put_index("label,file\n1,a.png\n");
  EXPECT_THAT(fault(), HasSubstr("no column 'path'"));
  source_.options["path_column"] = std::string("file");
  EXPECT_EQ(fault(), "none");
}

TEST_F(Images, MasksAreLabelsOfPixels) {
  spec_.target = TargetKind::kSegmentation;
  spec_.target_shape = {2, 2};
  put("x.png", grey(10));
  put("m.png", png_file(4, 4, {0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0}));
  put_index("path,label\nx.png,m.png\n");
  auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(0, 1, 1, 0));
  EXPECT_EQ(site->training.target_shape, spec_.target_shape);
  put("m.png", png_file(2, 2, {0, 255, 7, 0}));
  EXPECT_THAT(fault(), HasSubstr("none of the classes 0 to 1"));
  source_.options["mask_values"] = std::vector<std::int64_t>{0, 255};
  EXPECT_THAT(fault(), HasSubstr("no class"));
  source_.options["mask_ignored"] = std::int64_t{7};
  site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_THAT(site->training.labels, ElementsAre(0, 1, -1, 0));
  // What stands around a picture has no class.
  source_.options["resize"] = std::string("letterbox");
  put("x.png", png_file(4, 2, std::vector<unsigned>(8, 100)));
  put("m.png", png_file(4, 2, std::vector<unsigned>(8, 255)));
  spec_.input_shape = {1, 4, 4};
  spec_.target_shape = {4, 4};
  site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(std::count(site->training.labels.begin(), site->training.labels.end(), -1), 8);
  EXPECT_EQ(site->training.inputs[0], 0.0F);
  EXPECT_EQ(site->training.inputs[4], 100.0F);
}

TEST_F(Images, BrokenPicturesArePassedOverUpToTheirShare) {
  for (int i = 0; i < 8; ++i) put("a/" + std::to_string(i) + ".png", grey(1));
  put("a/broken.png", grey(1).substr(0, 50));
  put("b/jane-roe.png", "hello");
  EXPECT_THAT(fault(), AllOf(HasSubstr("damaged"), Not(HasSubstr("secret"))));
  EXPECT_THAT(detail_, HasSubstr("secret/a/broken.png"));
  source_.faulty_records_max = 0.2;
  const auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 8);
  EXPECT_EQ(site->training.labels.size(), 8u);
  EXPECT_EQ(site->faulty_rows, 2u);
  EXPECT_THAT(site->faulty_places,
              ElementsAre(HasSubstr("broken.png: a PNG is damaged"), HasSubstr("neither a PNG")));
  source_.faulty_records_max = 0.19;
  EXPECT_THAT(fault(), AllOf(HasSubstr("damaged"), Not(HasSubstr("secret"))));
  EXPECT_THAT(detail_, HasSubstr("2 of 10 records are faulty"));
}

TEST_F(Images, TheSitesValidationFolderReplacesTheSplit) {
  put("a/1.png", grey(1));
  put("b/2.png", grey(2));
  put("more/a/3.png", grey(3));
  put("more/b/4.png", grey(4));
  source_.options["path"] = directory_ / "secret/more";
  source_.options["validation_path"] = directory_ / "secret/more";
  const auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->validation.rows, 2);
  EXPECT_EQ(site->training.rows, 2);
}

TEST_F(Images, WhatDoesNotFitIsNamed) {
  put("a/1.png", grey(1));
  put("b/2.png", grey(1));
  spec_.input_shape = {4};
  EXPECT_THAT(fault(), HasSubstr("[height, width]"));
  spec_.input_shape = {2, 2};
  EXPECT_EQ(fault(), "none");
  source_.options["path"] = directory_ / "nowhere";
  EXPECT_THAT(fault(), AllOf(HasSubstr("folder"), Not(HasSubstr("nowhere"))));
  EXPECT_THAT(detail_, HasSubstr("nowhere"));
}

TEST_F(Images, WithoutALabelAllPicturesCount) {
  put("1.png", grey(1));
  put("b/2.png", grey(2));
  spec_.target = TargetKind::kUnlabelled;
  const auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 2);
  EXPECT_TRUE(site->training.labels.empty());
}

}  // namespace
}  // namespace tributary
