// SPDX-License-Identifier: Apache-2.0
// Every plug-in of the product by kind, with its options. A conformance test compares the names
// with the generated tables of the rooms that implement them. Constants, any thread.
#pragma once

#include <vector>

#include "common/config/option_schema.h"

namespace tributary {

const std::vector<PluginSchema>& model_families();
const std::vector<PluginSchema>& client_algorithms();
const std::vector<PluginSchema>& client_optimizers();
const std::vector<PluginSchema>& pre_aggregators();
const std::vector<PluginSchema>& training_objectives();
const std::vector<PluginSchema>& augmentations();
const std::vector<PluginSchema>& update_encodings();
const std::vector<PluginSchema>& aggregation_rules();
const std::vector<PluginSchema>& server_optimizers();
const std::vector<PluginSchema>& learning_rate_schedules();
const std::vector<PluginSchema>& data_loaders();

}  // namespace tributary
