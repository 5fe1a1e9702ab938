// SPDX-License-Identifier: Apache-2.0
#include "client/data/hospital_generator.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/base/random_source.h"

namespace tributary {
namespace {

struct CaseMix {
  double age = 60.0;       // mean
  double severity = 0.0;   // shifts laboratory values
  double emergency = 0.4;  // share of emergency admissions
  double missing = 0.01;   // share of empty laboratory cells
};

CaseMix case_mix(std::size_t site, RandomSource& random) {
  CaseMix mix;
  mix.age = 45.0 + 9.0 * static_cast<double>(site % 4) + 4.0 * random.uniform();
  mix.severity = 0.5 * random.normal();
  mix.emergency = 0.2 + 0.15 * static_cast<double>((site * 2) % 5);
  mix.missing = 0.005 + 0.02 * random.uniform();
  return mix;
}

std::string cell(double value, double missing, RandomSource& random) {
  if (random.uniform() < missing) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string patient(const CaseMix& mix, RandomSource& random) {
  const double age = std::clamp(mix.age + 14.0 * random.normal(), 18.0, 99.0);
  const bool male = random.uniform() < 0.5;
  const bool smoker = random.uniform() < 0.25;
  const bool diabetes = random.uniform() < 0.08 + 0.003 * (age - 18.0);
  const double pressure = 118.0 + 0.35 * (age - 40.0) + 8.0 * mix.severity + 14.0 * random.normal();
  const double creatinine =
      std::max(0.4, 0.9 + 0.2 * mix.severity + 0.006 * (age - 50.0) + 0.3 * random.normal());
  const double haemoglobin = (male ? 14.8 : 13.4) - 0.5 * mix.severity + 1.3 * random.normal();
  const double stay = std::max(1.0, 4.0 + 2.0 * mix.severity + 2.5 * random.normal());
  const double draw = random.uniform();
  const char* admission = draw < mix.emergency         ? "emergency"
                          : draw < mix.emergency + 0.1 ? "transfer"
                                                       : "elective";
  // The risk is not linear: low and high pressure both count, and kidneys weigh more in diabetics.
  const double logit = -2.6 + 0.045 * (age - 60.0) + 0.0022 * std::pow(pressure - 125.0, 2) / 4.0 +
                       (diabetes ? 1.9 : 0.9) * (creatinine - 1.0) - 0.35 * (haemoglobin - 14.0) +
                       0.22 * (stay - 4.0) + (smoker ? 0.6 : 0.0) +
                       (admission[0] == 'e' && admission[1] == 'm' ? 0.8 : 0.0);
  const bool readmitted = random.uniform() < 1.0 / (1.0 + std::exp(-logit));
  // One draw a statement: the order of a sum's operands is the compiler's choice.
  const std::string haemoglobin_cell = cell(haemoglobin, mix.missing, random);
  const std::string creatinine_cell = cell(creatinine, mix.missing, random);
  const std::string pressure_cell = cell(pressure, mix.missing, random);
  std::string line = std::to_string(static_cast<int>(age));
  line += male ? ",m," : ",f,";
  line += pressure_cell + "," + creatinine_cell + "," + haemoglobin_cell + "," +
          std::to_string(static_cast<int>(stay));
  line += std::string(",") + (smoker ? "yes" : "no") + "," + (diabetes ? "yes" : "no") + "," +
          admission + ",";
  return line + (readmitted ? "1\n" : "0\n");
}

}  // namespace

std::vector<HospitalFile> generate_hospitals(std::size_t sites, std::size_t rows,
                                             std::uint64_t seed) {
  std::vector<HospitalFile> files;
  for (std::size_t site = 0; site < sites; ++site) {
    SeededRandom random(derive_seed(seed, "hospital", site));
    const CaseMix mix = case_mix(site, random);
    const std::size_t count = std::max<std::size_t>(1, rows - rows * (site % 3) / 3);
    HospitalFile file{
        "hospital-" + std::to_string(site + 1),
        "age,sex,pressure,creatinine,haemoglobin,stay,smoker,diabetes,admission,readmitted\n"};
    for (std::size_t row = 0; row < count; ++row) file.csv += patient(mix, random);
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace tributary
