namespace FunctionalDL;

/// <summary>
/// Weights in files of PyTorch's (<c>.pt</c>, <c>.pth</c>) and safetensors files. They are read as data: nothing in them is executed,
/// and a pickle that asks for it is refused.
/// </summary>
public static class Weights
{
    /// <summary>
    /// The tensors of a file, in its order: of a safetensors file, or of the state dictionary that <c>torch.save</c> wrote, also one
    /// under <c>state_dict</c> or <c>model</c> of a larger dictionary. The content says which it is, not the name. Half precision
    /// (<c>float16</c>, <c>bfloat16</c>) becomes <see cref="DType.Float32"/>.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="Data.DataException">
    /// The file is missing or malformed, its pickle has an opcode, class or function that tensors do not need, or it holds a type
    /// that has no <see cref="DType"/>; the message says what and where.
    /// </exception>
    public static IReadOnlyDictionary<string, Tensor> Load(string path) =>
        Safetensors.Named(path, FunctionalDL.Data.Weights.read(path));
}
