// SPDX-License-Identifier: Apache-2.0
// The list. An operator may stand here if all it does is arithmetic on its arguments, whatever
// those are: it opens no file, sees nothing of the process, the machine or the time, keeps nothing
// beyond the call but in the module's own tensors, reads no memory but that of its arguments, and
// runs no code that it is handed. Left out on purpose, beside what nobody asked for yet:
//   from_file, save, prim::rpc_*, c10d::*      files and network
//   set_, set_data, resize_, as_strided        memory under another shape than it was made for
//   manual_seed                                the seed is the training's to choose
//   cuda, pin_memory, record_stream            devices
//   prim::fork, aten::wait, prim::PythonOp     code in other threads or languages
//   quantized::*, sparse ones, prepacked::*    unchecked in Torch itself, and of no use in training
#include "common/domain/script_operators.h"

#include <array>
#include <set>
#include <string>

namespace tributary {
namespace {

// What a program is made of: branches, loops, calls within the module, values of plain types.
constexpr std::string_view kLanguage =
    "Constant If Loop GetAttr SetAttr CallFunction CallMethod CreateObject Enter Exit "
    "ListConstruct ListUnpack TupleConstruct TupleUnpack TupleIndex TupleSlice DictConstruct "
    "Uninitialized isinstance unchecked_cast unchecked_unwrap_optional RaiseException Print "
    "NumToTensor ImplicitTensorToNum tolist rangelist StringIndex EnumName EnumValue "
    "ModuleContainerIndex ConstantChunk data device dtype layout requires_grad grad is_cpu is_cuda "
    "is_sparse is_quantized is_mkldnn is_mps is_meta is_nested is_vulkan is_xpu is_ort is_ipu "
    "is_sparse_csr type index name abs max min";

// Lists, dictionaries, text, and numbers that are no tensors.
constexpr std::string_view kPlainValues =
    "__and__ __or__ __xor__ __not__ __is__ __isnot__ __contains__ __getitem__ __iand__ __ior__ "
    "__ixor__ __lshift__ __rshift__ __ilshift__ __irshift__ __derive_index __range_length "
    "__round_to_zero_floordiv _set_item _unwrap_optional append extend insert pop popitem clear "
    "copy remove reverse sort sorted count index list dict keys values items get setdefault update "
    "Delete len range Bool Int Float Complex FloatImplicit IntImplicit ScalarImplicit "
    "ComplexImplicit Size complex bin hex oct chr ord format percentFormat str join split "
    "rsplit splitlines strip lstrip rstrip replace find rfind rindex startswith endswith upper "
    "lower title capitalize center ljust rjust zfill partition rpartition isalpha isdigit isalnum "
    "isupper islower isspace isnumeric isdecimal isidentifier istitle isprintable swapcase "
    "expandtabs warn gcd factorial fabs floordiv mathremainder modf divmod degrees radians "
    "_infer_size _tensor_to_list _list_to_tensor";

constexpr std::string_view kShape =
    "size numel dim stride storage_offset element_size is_contiguous is_floating_point is_complex "
    "is_same_size is_nonzero is_signed is_grad_enabled set_grad_enabled is_scripting is_leaf "
    "has_torch_function device is_autocast_enabled is_autocast_cpu_enabled result_type "
    "promote_types "
    "can_cast is_distributed get_device is_conj is_neg is_inference to cpu type_as view view_as "
    "reshape reshape_as flatten unflatten ravel squeeze unsqueeze transpose t permute movedim "
    "moveaxis swapaxes swapdims numpy_T mT mH adjoint expand expand_as broadcast_to "
    "broadcast_tensors repeat repeat_interleave tile contiguous clone detach data cat concat "
    "concatenate stack hstack vstack dstack row_stack column_stack chunk split split_with_sizes "
    "tensor_split hsplit vsplit dsplit unsafe_chunk unsafe_split unsafe_split_with_sizes unbind "
    "narrow select slice index gather take take_along_dim index_select masked_select "
    "select_scatter slice_scatter diagonal_scatter where nonzero nonzero_numpy argwhere roll flip "
    "fliplr flipud rot90 unfold diagonal diag diag_embed diagflat tril triu tril_indices "
    "triu_indices meshgrid cartesian_prod combinations block_diag atleast_1d atleast_2d atleast_3d "
    "pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d "
    "replication_pad2d replication_pad3d _pad_circular _pad_enum view_as_real view_as_complex real "
    "imag conj conj_physical resolve_conj resolve_neg alias lift_fresh requires_grad "
    "sum_to_size im2col col2im pad_sequence _pack_padded_sequence _pad_packed_sequence "
    "_shape_as_tensor rename refine_names align_to align_as align_tensors "
    "_cast_Byte _cast_Char _cast_Double _cast_Float _cast_Half _cast_Int _cast_Long _cast_Short "
    "channel_shuffle pixel_shuffle pixel_unshuffle one_hot";

// Makes tensors of given values, or writes into one that is there. `empty` shows memory as it was,
// in a process that has nothing but what the module sees anyway; popular models fill it with noise.
constexpr std::string_view kMaking =
    "empty empty_like new_empty tensor as_tensor scalar_tensor zeros zeros_like new_zeros ones "
    "ones_like new_ones full "
    "full_like new_full arange linspace logspace eye fill zero copy_ masked_fill masked_scatter "
    "index_fill index_add index_copy index_put index_reduce scatter scatter_add scatter_reduce put "
    "fill_diagonal vander hann_window hamming_window bartlett_window blackman_window "
    "kaiser_window _no_grad_fill _no_grad_zero_ _no_grad_uniform_ _no_grad_normal_";

constexpr std::string_view kArithmetic =
    "add sub subtract rsub mul multiply div divide true_divide floor_divide remainder fmod neg "
    "negative positive pow float_power square sqrt rsqrt reciprocal exp exp2 expm1 log log2 log10 "
    "log1p logaddexp logaddexp2 xlogy sin cos tan asin acos atan atan2 arcsin arccos arctan "
    "arctan2 sinh cosh tanh asinh acosh atanh arcsinh arccosh arctanh sinc hypot abs absolute sign "
    "sgn signbit copysign ceil floor round trunc fix frac clamp clamp_min clamp_max clip lerp "
    "addcmul addcdiv erf erfc erfinv gamma lgamma digamma polygamma mvlgamma i0 igamma igammac "
    "deg2rad rad2deg nan_to_num maximum minimum fmax fmin heaviside ldexp frexp nextafter gcd lcm "
    "angle polar logit eq ne lt le gt ge less less_equal greater greater_equal equal not_equal "
    "isclose allclose isnan isinf isfinite isposinf isneginf isreal isin logical_and logical_or "
    "logical_xor logical_not bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift "
    "bitwise_right_shift special_airy_ai special_bessel_j0 special_bessel_j1 special_digamma "
    "special_entr special_erf special_erfc special_erfcx special_erfinv special_exp2 special_expit "
    "special_expm1 special_gammainc special_gammaincc special_gammaln special_i0 special_i0e "
    "special_i1 special_i1e special_log1p special_log_ndtr special_log_softmax special_logit "
    "special_logsumexp special_multigammaln special_ndtr special_ndtri special_polygamma "
    "special_psi special_round special_sinc special_softmax special_xlog1py special_xlogy "
    "special_zeta";

constexpr std::string_view kReductions =
    "sum nansum mean nanmean median nanmedian mode prod std var std_mean var_mean max min amax "
    "amin aminmax argmax argmin all any norm frobenius_norm nuclear_norm native_norm cumsum "
    "cumprod cummax cummin logcumsumexp logsumexp count_nonzero sort argsort msort topk kthvalue "
    "quantile nanquantile unique_consecutive unique_dim _unique _unique2 bincount histc bucketize "
    "searchsorted diff trapezoid trapz cumulative_trapezoid renorm dist cdist pdist "
    "pairwise_distance cosine_similarity cov corrcoef";

constexpr std::string_view kLinear =
    "matmul mm bmm mv dot vdot inner outer ger addmm addmv addr addbmm baddbmm chain_matmul "
    "tensordot einsum kron cross trace det logdet slogdet inverse pinverse matrix_exp matrix_power "
    "cholesky cholesky_solve cholesky_inverse qr svd lu_solve triangular_solve linalg_cholesky "
    "linalg_cond linalg_cross linalg_det linalg_diagonal linalg_eig linalg_eigh linalg_eigvals "
    "linalg_eigvalsh linalg_inv linalg_lstsq linalg_lu linalg_lu_factor linalg_matmul "
    "linalg_matrix_exp linalg_matrix_norm linalg_matrix_power linalg_matrix_rank linalg_multi_dot "
    "linalg_norm linalg_pinv linalg_qr linalg_slogdet linalg_solve linalg_solve_triangular "
    "linalg_svd linalg_svdvals linalg_vander linalg_vecdot linalg_vector_norm fft_fft fft_fft2 "
    "fft_fftn fft_fftfreq fft_fftshift fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_rfft "
    "fft_rfft2 fft_rfftn fft_rfftfreq fft_irfft fft_irfft2 fft_irfftn fft_hfft fft_ihfft stft "
    "istft";

constexpr std::string_view kLayers =
    "linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d "
    "conv_tbc convolution _convolution _convolution_mode embedding embedding_bag "
    "embedding_renorm _no_grad_embedding_renorm_ batch_norm layer_norm group_norm instance_norm "
    "native_batch_norm native_layer_norm native_group_norm _weight_norm norm_except_dim "
    "avg_pool1d avg_pool2d avg_pool3d max_pool1d max_pool2d max_pool3d max_pool1d_with_indices "
    "max_pool2d_with_indices max_pool3d_with_indices max_unpool2d max_unpool3d "
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d "
    "adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d "
    "lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell "
    "_nested_tensor_from_mask _nested_tensor_from_mask_left_aligned to_padded_tensor "
    "scaled_dot_product_attention _scaled_dot_product_attention _native_multi_head_attention "
    "_transformer_encoder_layer_fwd "
    "grid_sampler grid_sampler_2d grid_sampler_3d affine_grid_generator __interpolate __upsample "
    "__upsample_bilinear __upsample_nearest upsample_nearest1d upsample_nearest2d "
    "upsample_nearest3d upsample_linear1d upsample_bilinear2d upsample_bicubic2d "
    "upsample_trilinear3d _upsample_bicubic2d_aa _upsample_bilinear2d_aa _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d";

constexpr std::string_view kActivations =
    "relu relu6 leaky_relu prelu elu selu celu gelu silu mish glu sigmoid log_sigmoid hardsigmoid "
    "hardswish hardtanh hardshrink softshrink softplus threshold softmax log_softmax _softmax "
    "_log_softmax";

constexpr std::string_view kLosses =
    "mse_loss l1_loss smooth_l1_loss huber_loss cross_entropy_loss nll_loss nll_loss2d nll_loss_nd "
    "binary_cross_entropy binary_cross_entropy_with_logits kl_div ctc_loss hinge_embedding_loss "
    "margin_ranking_loss multi_margin_loss multilabel_margin_loss soft_margin_loss "
    "triplet_margin_loss cosine_embedding_loss poisson_nll_loss";

// Drawn from Torch's generator, which the training seeds; see draws_random_numbers.
constexpr std::string_view kRandom =
    "dropout feature_dropout alpha_dropout feature_alpha_dropout native_dropout rrelu "
    "rrelu_with_noise bernoulli rand rand_like randn randn_like randint randint_like randperm "
    "random_ normal uniform_ exponential_ log_normal_ geometric_ cauchy_ multinomial poisson";

using Names = std::set<std::string, std::less<>>;

void add(Names& names, std::string_view space, std::string_view group) {
  while (!group.empty()) {
    const std::string_view name = group.substr(0, group.find(' '));
    names.insert(std::string(space) + std::string(name));
    group.remove_prefix(std::min(name.size() + 1, group.size()));
  }
}

Names all_names() {
  Names names;
  add(names, "prim::", kLanguage);
  for (const std::string_view group :
       std::array{kPlainValues, kShape, kMaking, kArithmetic, kReductions, kLinear, kLayers,
                  kActivations, kLosses, kRandom})
    add(names, "aten::", group);
  return names;
}

}  // namespace

bool is_allowed_operator(std::string_view name) {
  static const Names names = all_names();
  if (names.contains(name)) return true;
  // The same, written into its first argument.
  return name.ends_with('_') && !name.ends_with("__") &&
         names.contains(name.substr(0, name.size() - 1));
}

}  // namespace tributary
