// SPDX-License-Identifier: Apache-2.0
// DICOM files made with DCMTK: values, windows, compression, and what is refused.
#include <dcmtk/config/osconfig.h>
// DCMTK wants osconfig.h before its other headers.
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "client/data/dataset.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/client/data/dicom_files.h"

namespace tributary {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pointwise;

class Dicom : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    DcmRLEEncoderRegistration::registerCodecs();
    DJEncoderRegistration::registerCodecs();
  }
  void SetUp() override {
    std::filesystem::create_directories(folder());
    spec_.input_shape = {1, 2, 2};
    spec_.target = TargetKind::kUnlabelled;
    spec_.validation_fraction = 0.0;
    spec_.standardize = Standardize::kNone;
    source_ = {"dicom",
               {{"path", folder()},
                {"index", std::string()},
                {"path_column", std::string("path")},
                {"label_column", std::string("label")},
                {"validation_path", std::string()},
                {"validation_index", std::string()},
                {"resize", std::string("stretch")},
                {"window", std::string("none")},
                {"window_center", 40.0},
                {"window_width", 400.0},
                {"frame", std::int64_t{0}},
                {"label_tag", std::string()},
                {"endings", std::vector<std::string>{".dcm"}}}};
  }
  std::string folder() const { return directory_ / "secret"; }
  void save(DcmFileFormat& file, E_TransferSyntax syntax = EXS_LittleEndianExplicit,
            const std::string& name = "jane-roe.dcm") {
    ASSERT_TRUE(save_dicom(file, folder() + "/" + name, syntax));
  }
  Result<SiteExamples> load() {
    detail_.clear();
    return load_dataset(source_, spec_, {}, 1, &detail_);
  }
  std::vector<float> values() {
    const auto site = load();
    EXPECT_TRUE(site) << detail_;
    if (!site) return {};
    return {site->training.inputs.begin(), site->training.inputs.end()};
  }
  // Nothing of a person or a path leaves, also not in the site's own log but for the file's name.
  std::string fault() {
    const auto site = load();
    if (site) return "none";
    EXPECT_THAT(site.error().message, AllOf(Not(HasSubstr("secret")), Not(HasSubstr("jane"))));
    EXPECT_THAT(detail_, AllOf(HasSubstr("jane-roe.dcm"), Not(HasSubstr("Roe^Jane"))));
    return site.error().message;
  }

  TemporaryDirectory directory_;
  DataSpec spec_;
  DatasetSource source_;
  std::string detail_;
};

TEST_F(Dicom, ValuesAreThoseOfTheRescale) {
  DcmFileFormat file = grey_dicom(2, 2, {0, 1000, 1024, 4095});
  save(file);
  EXPECT_THAT(values(), ElementsAre(0, 1000, 1024, 4095));
  file.getDataset()->putAndInsertString(DCM_RescaleSlope, "0.5");
  file.getDataset()->putAndInsertString(DCM_RescaleIntercept, "-1024");
  save(file);
  EXPECT_THAT(values(), ElementsAre(-1024, -524, -512, 1023.5F));
}

TEST_F(Dicom, SignedValuesAndBitsInTheMiddle) {
  DcmFileFormat file = grey_dicom(2, 2, {0xffff, 0x0001, 0x0800, 0x07ff});  // above bit 11: rubbish
  file.getDataset()->putAndInsertUint16(DCM_PixelRepresentation, 1);
  save(file);
  EXPECT_THAT(values(), ElementsAre(-1, 1, -2048, 2047));
  DcmFileFormat shifted = grey_dicom(2, 2, {0x0ff0, 0x0010, 0x000f, 0xf100});
  shifted.getDataset()->putAndInsertUint16(DCM_BitsStored, 8);
  save(shifted);
  EXPECT_THAT(values(), ElementsAre(255, 1, 0, 16)) << "bits 4 to 11";
}

// The linear function of PS3.3 C.11.2.1.2.1 by hand, with center 40 and width 400.
TEST_F(Dicom, AWindowIsTheStandardsLinearFunction) {
  DcmFileFormat file = grey_dicom(2, 2, {0, 864, 1064, 1300});
  DcmDataset& data = *file.getDataset();
  data.putAndInsertString(DCM_RescaleIntercept, "-1024");
  save(file);
  source_.options["window"] = std::string("fixed");
  const auto by_hand = [](double x) {
    return static_cast<float>(((x - 39.5) / 399.0 + 0.5) * 255.0);
  };
  EXPECT_THAT(values(),
              Pointwise(testing::FloatNear(1e-3F),
                        {0.0F, by_hand(-160) > 0 ? by_hand(-160) : 0.0F, by_hand(40), 255.0F}));
  source_.options["window"] = std::string("file");
  EXPECT_THAT(fault(), HasSubstr("no window"));
  data.putAndInsertString(DCM_WindowCenter, "0\\500");
  data.putAndInsertString(DCM_WindowWidth, "2\\100");
  save(file);
  EXPECT_THAT(values(), ElementsAre(0, 0, 255, 255)) << "the first of the file's windows";
  data.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME1");
  save(file);
  EXPECT_THAT(values(), ElementsAre(255, 255, 0, 0));
  source_.options["window"] = std::string("none");
  data.putAndInsertString(DCM_RescaleIntercept, "0");
  save(file);
  EXPECT_THAT(values(), ElementsAre(4095, 4095 - 864, 4095 - 1064, 4095 - 1300));
}

TEST_F(Dicom, CompressedPicturesAreReadToTheSameValues) {
  std::vector<Uint16> pixels;
  for (unsigned i = 0; i < 256; ++i) pixels.push_back(static_cast<Uint16>(i * 7919 % 4096));
  spec_.input_shape = {16, 16};
  DcmFileFormat plain = grey_dicom(16, 16, pixels);
  save(plain);
  const std::vector<float> wanted = values();
  EXPECT_EQ(wanted[1], 7919 % 4096);
  for (const E_TransferSyntax syntax :
       {EXS_LittleEndianImplicit, EXS_BigEndianExplicit, EXS_DeflatedLittleEndianExplicit,
        EXS_RLELossless, EXS_JPEGProcess14SV1}) {
    DcmFileFormat file = grey_dicom(16, 16, pixels);
    save(file, syntax);
    EXPECT_EQ(values(), wanted) << DcmXfer(syntax).getXferName();
  }
}

TEST_F(Dicom, ColoursAndPlanes) {
  DcmFileFormat file = grey_dicom(1, 2, {0});
  DcmDataset& data = *file.getDataset();
  data.putAndInsertUint16(DCM_SamplesPerPixel, 3);
  data.putAndInsertUint16(DCM_BitsAllocated, 8);
  data.putAndInsertUint16(DCM_BitsStored, 8);
  data.putAndInsertUint16(DCM_HighBit, 7);
  data.putAndInsertUint16(DCM_PlanarConfiguration, 0);
  data.putAndInsertString(DCM_PhotometricInterpretation, "RGB");
  const std::vector<Uint8> pixels{1, 2, 3, 4, 5, 6};
  data.putAndInsertUint8Array(DCM_PixelData, pixels.data(), pixels.size());
  save(file);
  spec_.input_shape = {3, 1, 2};
  EXPECT_THAT(values(), ElementsAre(1, 4, 2, 5, 3, 6));
  data.putAndInsertUint16(DCM_PlanarConfiguration, 1);
  save(file);
  EXPECT_THAT(values(), ElementsAre(1, 2, 3, 4, 5, 6));
  data.putAndInsertString(DCM_PhotometricInterpretation, "YBR_FULL");
  save(file);
  EXPECT_THAT(fault(), HasSubstr("colours are of a kind"));
}

TEST_F(Dicom, AFileOfSeveralPicturesNeedsAFrame) {
  DcmFileFormat file = grey_dicom(1, 2, {1, 2, 3, 4, 5, 6});
  file.getDataset()->putAndInsertString(DCM_NumberOfFrames, "3");
  save(file);
  spec_.input_shape = {1, 2};
  EXPECT_THAT(fault(), HasSubstr("more than one picture"));
  source_.options["frame"] = std::int64_t{3};
  EXPECT_THAT(values(), ElementsAre(5, 6));
  source_.options["frame"] = std::int64_t{4};
  EXPECT_THAT(fault(), HasSubstr("fewer pictures"));
}

TEST_F(Dicom, ALabelMayStandInATag) {
  DcmFileFormat file = grey_dicom(2, 2, {1, 2, 3, 4});
  save(file);
  file.getDataset()->putAndInsertString(DCM_PatientSex, "M");
  save(file, EXS_LittleEndianExplicit, "z.dcm");
  spec_.target = TargetKind::kBinary;
  spec_.label_values = {"M", "F"};
  for (const char* tag : {"PatientSex", "0010,0040"}) {
    source_.options["label_tag"] = std::string(tag);
    const auto site = load();
    ASSERT_TRUE(site) << detail_;
    EXPECT_THAT(site->training.labels, ElementsAre(1, 0)) << tag;
  }
  spec_.label_values = {"M", "X"};
  EXPECT_THAT(fault(), HasSubstr("not among data.label.values"));
  source_.options["label_tag"] = std::string("PatientAge");
  EXPECT_THAT(fault(), HasSubstr("lacks the tag"));
  source_.options["label_tag"] = std::string("NoSuchTag");
  const auto site = load();
  ASSERT_FALSE(site);
  EXPECT_THAT(site.error().message, HasSubstr("no tag of DICOM"));
}

TEST_F(Dicom, HeadsThatLieAreFaults) {
  const auto said = [this](const std::function<void(DcmDataset&)>& lie) {
    DcmFileFormat file = grey_dicom(2, 2, {1, 2, 3, 4});
    lie(*file.getDataset());
    save(file);
    return fault();
  };
  EXPECT_EQ(said([](DcmDataset&) {}), "none");
  EXPECT_THAT(said([](DcmDataset& data) { data.putAndInsertUint16(DCM_Rows, 3); }),
              HasSubstr("fewer pixels than its head says"));
  EXPECT_THAT(said([](DcmDataset& data) { data.putAndInsertUint16(DCM_Rows, 0); }),
              HasSubstr("empty or larger"));
  EXPECT_THAT(said([](DcmDataset& data) {
                data.putAndInsertUint16(DCM_Rows, 65535);
                data.putAndInsertUint16(DCM_Columns, 65535);
              }),
              HasSubstr("empty or larger"));
  EXPECT_THAT(
      said([](DcmDataset& data) { data.putAndInsertString(DCM_NumberOfFrames, "2147483647"); }),
      HasSubstr("over 1 GiB"));
  EXPECT_THAT(said([](DcmDataset& data) { data.putAndInsertUint16(DCM_BitsStored, 17); }),
              HasSubstr("bits do not fit"));
  EXPECT_THAT(said([](DcmDataset& data) { data.putAndInsertUint16(DCM_HighBit, 16); }),
              HasSubstr("bits do not fit"));
  EXPECT_THAT(said([](DcmDataset& data) { data.putAndInsertUint16(DCM_BitsAllocated, 32); }),
              HasSubstr("neither 8 nor 16"));
  EXPECT_THAT(said([](DcmDataset& data) { data.putAndInsertUint16(DCM_SamplesPerPixel, 2); }),
              HasSubstr("neither one value"));
  EXPECT_THAT(said([](DcmDataset& data) { data.findAndDeleteElement(DCM_PixelData); }),
              HasSubstr("no picture"));
  EXPECT_THAT(said([](DcmDataset& data) {
                data.putAndInsertString(DCM_PhotometricInterpretation, "PALETTE COLOR");
              }),
              HasSubstr("colours are of a kind"));
  std::ofstream(folder() + "/jane-roe.dcm", std::ios::binary) << "no DICOM";
  EXPECT_THAT(fault(), HasSubstr("no DICOM file"));
}

TEST_F(Dicom, FaultyFilesArePassedOverUpToTheirShare) {
  DcmFileFormat file = grey_dicom(2, 2, {1, 2, 3, 4});
  save(file, EXS_LittleEndianExplicit, "a.dcm");
  std::ofstream(folder() + "/jane-roe.dcm", std::ios::binary) << "no DICOM";
  EXPECT_THAT(fault(), HasSubstr("no DICOM file"));
  source_.faulty_records_max = 0.5;
  const auto site = load();
  ASSERT_TRUE(site) << detail_;
  EXPECT_EQ(site->training.rows, 1);
  EXPECT_EQ(site->faulty_rows, 1u);
  EXPECT_THAT(site->faulty_places, ElementsAre(HasSubstr("jane-roe.dcm")));
}

}  // namespace
}  // namespace tributary
