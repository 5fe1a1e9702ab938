// SPDX-License-Identifier: Apache-2.0
// DICOM files made for tests, with DCMTK.
#pragma once

#include <dcmtk/config/osconfig.h>
// DCMTK wants osconfig.h before its other headers.
#include <dcmtk/dcmdata/dctk.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tributary {

// A grey picture of 12 bits in 16 with what every file needs, to be changed before it is written.
inline DcmFileFormat grey_dicom(Uint16 rows, Uint16 columns, const std::vector<Uint16>& pixels) {
  DcmFileFormat file;
  DcmDataset& data = *file.getDataset();
  data.putAndInsertString(DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
  data.putAndInsertString(DCM_SOPInstanceUID, "1.2.3.4");
  data.putAndInsertString(DCM_PatientName, "Roe^Jane");
  data.putAndInsertString(DCM_PatientSex, "F");
  data.putAndInsertUint16(DCM_Rows, rows);
  data.putAndInsertUint16(DCM_Columns, columns);
  data.putAndInsertUint16(DCM_SamplesPerPixel, 1);
  data.putAndInsertUint16(DCM_BitsAllocated, 16);
  data.putAndInsertUint16(DCM_BitsStored, 12);
  data.putAndInsertUint16(DCM_HighBit, 11);
  data.putAndInsertUint16(DCM_PixelRepresentation, 0);
  data.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2");
  data.putAndInsertUint16Array(DCM_PixelData, pixels.data(), pixels.size());
  return file;
}

inline bool save_dicom(DcmFileFormat& file, const std::string& path,
                       E_TransferSyntax syntax = EXS_LittleEndianExplicit) {
  return file.getDataset()->chooseRepresentation(syntax, nullptr).good() &&
         file.saveFile(path.c_str(), syntax).good();
}

}  // namespace tributary
