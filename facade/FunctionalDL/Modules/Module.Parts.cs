using FunctionalDL.Discovery;
using FunctionalDL.Interop;

namespace FunctionalDL;

/// <content>What a module consists of, and its state.</content>
public abstract partial class Module
{
    /// <summary>
    /// All parameters, a module's own before those of modules in it; one that is shared counts once.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// A parameter or module is held where it is not found.
    /// </exception>
    public IReadOnlyList<Parameter> Parameters() => [.. ModuleTree.Of(this).Parameters.Select(p => p.Parameter)];

    /// <summary>
    /// All parameters with their paths, such as <c>layers.0.weight</c>; one that is shared has its first
    /// path.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// A parameter or module is held where it is not found.
    /// </exception>
    public IReadOnlyList<(string Name, Parameter Parameter)> NamedParameters() => ModuleTree.Of(this).Parameters;

    /// <summary>All buffers with their paths; one that is shared has its first path.</summary>
    /// <exception cref="InvalidOperationException">
    /// A parameter or module is held where it is not found.
    /// </exception>
    public IReadOnlyList<(string Name, ModuleBuffer Buffer)> NamedBuffers() => ModuleTree.Of(this).Buffers;

    /// <summary>The modules directly in this one, with their names, in the order of declaration.</summary>
    public IReadOnlyList<(string Name, Module Module)> NamedChildren() => ModuleTree.DirectModules(this);

    /// <summary>
    /// This module (named <c>""</c>) and all modules in it with their paths, outer ones first, each once.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// A parameter or module is held where it is not found.
    /// </exception>
    public IReadOnlyList<(string Name, Module Module)> NamedModules() => ModuleTree.Of(this).Modules;

    /// <summary>
    /// The values of all parameters and buffers by path, in the order of <see cref="NamedParameters"/>.
    /// </summary>
    public IReadOnlyDictionary<string, Tensor> StateDict()
    {
        var state = new OrderedDictionary<string, Tensor>();

        foreach (var (path, cell) in ModuleTree.Of(this).Cells)
        {
            state.Add(path, new Tensor(cell is Parameter parameter ? parameter.Stored : ((ModuleBuffer)cell).Stored));
        }

        return state;
    }

    /// <summary>
    /// Gives parameters and buffers the values of <see cref="StateDict"/> of a module of the same form;
    /// values are converted to the types that the module has. Everything is checked before anything is
    /// changed.
    /// </summary>
    /// <param name="state">Values by path. A shared part may appear under any of its paths.</param>
    /// <param name="strict">Whether entries that are missing or unexpected are an error too.</param>
    /// <returns>What is missing and unexpected.</returns>
    /// <exception cref="StateDictException">
    /// A shape is wrong, or, if strict, an entry is missing or unexpected. It lists them all; nothing was
    /// changed.
    /// </exception>
    public LoadReport LoadStateDict(IReadOnlyDictionary<string, Tensor> state, bool strict = true)
    {
        var tree = ModuleTree.Of(this);
        var found = new List<(object Cell, Tensor Value)>();
        var missing = new List<string>();
        var misshaped = new List<string>();

        foreach (var (path, cell) in tree.Cells)
        {
            var names = tree.Aliases.Where(alias => alias.Value == path).Select(alias => alias.Key).Prepend(path);
            var value = names.Select(name => state.GetValueOrDefault(name)).FirstOrDefault(v => v is not null);
            var shape = cell is Parameter parameter ? parameter.Shape : ((ModuleBuffer)cell).Shape;

            if (value is null)
            {
                missing.Add(path);
            }
            else if (value.Shape != shape)
            {
                misshaped.Add($"{path} is {value.Shape} and needs to be {shape}");
            }
            else
            {
                found.Add((cell, value));
            }
        }

        var known = tree.Cells.Select(c => c.Path).Concat(tree.Aliases.Keys).ToHashSet();
        var report = new LoadReport(missing, [.. state.Keys.Where(name => !known.Contains(name))], misshaped);

        if (misshaped.Count > 0 || (strict && !report.IsComplete))
        {
            throw new StateDictException(TypeName, report);
        }

        var values = found.Select(f => Cell.Plain(f.Value.Detach().To(DTypeOf(f.Cell)), "state")).ToArray();

        for (var i = 0; i < values.Length; i++)
        {
            switch (found[i].Cell)
            {
                case Parameter parameter:
                    parameter.Store(values[i]);
                    break;
                case ModuleBuffer buffer:
                    buffer.Store(values[i]);
                    break;
            }
        }

        return report;
    }

    /// <summary>Writes <see cref="StateDict"/> as a safetensors file, all of it or nothing.</summary>
    /// <param name="path">The file; one that is there already is replaced in one step.</param>
    /// <exception cref="Data.DataException">
    /// The file cannot be written; an older one stays as it was.
    /// </exception>
    public void Save(string path) => Safetensors.Save(path, StateDict());

    /// <summary>
    /// Reads what <see cref="Save"/>, <see cref="Learner.Save"/> or PyTorch's safetensors wrote; of an optimiser's memory in
    /// it nothing is taken.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="strict">Whether entries that are missing or unexpected are an error.</param>
    /// <returns>What is missing and unexpected.</returns>
    /// <exception cref="Data.DataException">
    /// The file is missing or malformed; nothing was changed.
    /// </exception>
    /// <exception cref="StateDictException">It does not fit the module; nothing was changed.</exception>
    public LoadReport Load(string path, bool strict = true) => LoadRead(Safetensors.Load(path), strict);

    /// <summary>
    /// Reads weights by name from a file of PyTorch's (<c>.pt</c>, <c>.pth</c>) or a safetensors file, as <see cref="Weights.Load"/>
    /// does: <c>ResNet.ResNet18().LoadWeights("resnet18.pth")</c>. Values are converted to the types that the module has.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="strict">Whether entries that are missing or unexpected are an error.</param>
    /// <returns>What is missing and unexpected.</returns>
    /// <exception cref="Data.DataException">
    /// The file is missing or malformed, or its pickle could do more than hold tensors; nothing was changed.
    /// </exception>
    /// <exception cref="StateDictException">It does not fit the module; nothing was changed.</exception>
    public LoadReport LoadWeights(string path, bool strict = true) => LoadRead(Weights.Load(path), strict);

    private LoadReport LoadRead(IReadOnlyDictionary<string, Tensor> read, bool strict) => LoadStateDict(
        read.Where(t => !t.Key.StartsWith(Safetensors.OwnPrefix, StringComparison.Ordinal)).ToDictionary(t => t.Key, t => t.Value),
        strict);

    private static DType DTypeOf(object cell) =>
        cell is Parameter parameter ? parameter.DType : ((ModuleBuffer)cell).DType;
}
