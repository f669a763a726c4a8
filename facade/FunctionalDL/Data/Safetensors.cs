using FunctionalDL.Core;
using FunctionalDL.Interop;
using StoredTensor = FunctionalDL.Data.StoredTensor;

namespace FunctionalDL;

/// <summary>
/// Named tensors in files of the safetensors format, which PyTorch and others read and write too: bytes and a
/// description, no code. Files of ours carry <c>format_version</c> in their metadata.
/// </summary>
public static class Safetensors
{
    /// <summary>
    /// Writes tensors to a file: all of them or nothing, so that an older file survives any failure.
    /// </summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="tensors">Tensors by name.</param>
    /// <param name="metadata">Texts to keep with them.</param>
    /// <exception cref="Data.DataException">
    /// The file cannot be written; the message names it and says why.
    /// </exception>
    public static void Save(
        string path,
        IReadOnlyDictionary<string, Tensor> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        Fs.Evaluate(tensors.Values.Select(t => t.Inner));

        FunctionalDL.Data.Safetensors.write(
            path,
            metadata ?? new Dictionary<string, string>(),
            tensors.Select(entry => Stored(entry.Key, entry.Value)));
    }

    /// <summary>The tensors of a file, in the order of its header.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="Data.DataException">
    /// The file is missing or malformed, or holds a type that has no <see cref="DType"/>; the message says
    /// what and where.
    /// </exception>
    public static IReadOnlyDictionary<string, Tensor> Load(string path) =>
        Named(path, FunctionalDL.Data.Safetensors.read(path).Tensors);

    /// <summary>The texts that a file keeps besides its tensors.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="Data.DataException">The file is missing or malformed.</exception>
    public static IReadOnlyDictionary<string, string> Metadata(string path) =>
        FunctionalDL.Data.Safetensors.read(path).Metadata.ToDictionary(entry => entry.Key, entry => entry.Value);

    /// <summary>What the names of tensors that belong to the library itself begin with, not to a module.</summary>
    internal const string OwnPrefix = "functionaldl.";

    /// <summary>What a file holds, as tensors by name in its order.</summary>
    internal static IReadOnlyDictionary<string, Tensor> Named(string path, IEnumerable<StoredTensor> read)
    {
        var tensors = new OrderedDictionary<string, Tensor>();

        foreach (var stored in read)
        {
            tensors.Add(stored.Name, Loaded(path, stored));
        }

        return tensors;
    }

    private static StoredTensor Stored(string name, Tensor tensor)
    {
        var storage = TensorModule.toStorage(tensor.Inner);
        var bytes = new byte[tensor.Size * DTypeModule.size(tensor.Inner.DType)];
        storage.Read(bytes);
        return new StoredTensor(name, NameOf(tensor.DType), tensor.Shape.ToArray(), bytes);
    }

    private static Tensor Loaded(string path, StoredTensor stored)
    {
        var dtype = stored.DType switch
        {
            "BOOL" => DType.Bool,
            "U8" => DType.UInt8,
            "I32" => DType.Int32,
            "I64" => DType.Int64,
            "F32" => DType.Float32,
            "F64" => DType.Float64,
            _ => throw new FunctionalDL.Data.DataException(
                path,
                $"tensor '{stored.Name}' is of type {stored.DType}, which this library does not compute with",
                "save it as F32 or F64",
                null),
        };

        var type = new TensorType(dtype.ToCore(), ShapeModule.ofSeq(stored.Shape));
        return new Tensor(TensorModule.ofStorage(HostStorageModule.ofSpan(type, stored.Bytes.Span)));
    }

    private static string NameOf(DType dtype) => dtype switch
    {
        DType.Bool => "BOOL",
        DType.UInt8 => "U8",
        DType.Int32 => "I32",
        DType.Int64 => "I64",
        DType.Float32 => "F32",
        DType.Float64 => "F64",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "there is no such element type"),
    };
}
