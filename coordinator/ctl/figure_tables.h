// SPDX-License-Identifier: Apache-2.0
// What an evaluation came to, as tables for people and JSON for programs. Pure, any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/domain/operator_messages.h"
#include "coordinator/ctl/tables.h"

namespace tributary {

// Each figure: of all rows together, with its 95 % limits; and of the sites, each counting once.
std::vector<TableRow> figure_rows(const FigureTable& table);
// Each site's own figures; of a secure sum nobody knows any, and there is only the head.
std::vector<TableRow> site_figure_rows(const RoundRow& round);
// What the counts say of each class, with the limits of how many of it are hit. `names` are those
// of the classes, by number where there are none.
std::vector<TableRow> class_rows(const FigureTable& table, const std::vector<std::string>& names);
// True classes by row, what they were taken for by column; only the head where it was not counted.
std::vector<TableRow> confusion_rows(const FigureTable& table,
                                     const std::vector<std::string>& names);

nlohmann::json figures_json(const RoundRow& round, const std::vector<std::string>& names);

}  // namespace tributary
