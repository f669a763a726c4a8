using System.Collections;

namespace FunctionalDL;

/// <summary>
/// A list of modules named <c>0</c>, <c>1</c>, …, without a Forward of its own: the module that holds it says
/// how they are used. A plain <c>List&lt;Module&gt;</c> is found just as well; this one prints as PyTorch's.
/// </summary>
/// <param name="modules">The first modules.</param>
public sealed class ModuleList(params IEnumerable<Module> modules) : Module, IReadOnlyList<Module>
{
    [Unregistered]
    private readonly List<Module> _items = [.. modules];

    /// <summary>How many modules there are.</summary>
    public int Count => _items.Count;

    /// <summary>A module by its position.</summary>
    /// <param name="index">The position, from 0; <c>^1</c> is the last.</param>
    public Module this[int index]
    {
        get => _items[index];
        set => _items[index] = value;
    }

    /// <summary>Adds a module at the end.</summary>
    /// <param name="module">The module.</param>
    public void Append(Module module) => _items.Add(module);

    /// <inheritdoc/>
    public IEnumerator<Module> GetEnumerator() => _items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal override IReadOnlyList<(string Name, Module Module)> Added =>
        [.. _items.Select((module, i) => ($"{i}", module))];
}
