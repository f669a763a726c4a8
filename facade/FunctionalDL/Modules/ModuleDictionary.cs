using System.Collections;
using System.Diagnostics.CodeAnalysis;
using FunctionalDL.Discovery;

namespace FunctionalDL;

/// <summary>
/// Modules by name, in the order in which they were added, without a Forward of its own: PyTorch's <c>ModuleDict</c>. A
/// plain dictionary of modules is found just as well; this one prints as PyTorch's.
/// </summary>
public sealed class ModuleDictionary : Module, IReadOnlyDictionary<string, Module>
{
    [Unregistered]
    private readonly OrderedDictionary<string, Module> _items = [];

    /// <summary>The first modules.</summary>
    /// <param name="modules">Names and modules.</param>
    /// <exception cref="ArgumentException">A name is empty, has a dot, or appears twice.</exception>
    public ModuleDictionary(params IEnumerable<(string Name, Module Module)> modules)
    {
        foreach (var (name, module) in modules)
        {
            Add(name, module);
        }
    }

    /// <summary>How many modules there are.</summary>
    public int Count => _items.Count;

    /// <summary>The names, in order.</summary>
    public IEnumerable<string> Keys => _items.Keys;

    /// <summary>The modules, in order.</summary>
    public IEnumerable<Module> Values => _items.Values;

    /// <summary>A module by its name; writing adds it or replaces the one of that name.</summary>
    /// <param name="key">The name.</param>
    /// <exception cref="KeyNotFoundException">Reading: there is none of that name.</exception>
    /// <exception cref="ArgumentException">Writing: the name is empty or has a dot.</exception>
    public Module this[string key]
    {
        get => _items.TryGetValue(key, out var module)
            ? module
            : throw new KeyNotFoundException($"there is no '{key}' here; there is: {string.Join(", ", Keys)}");

        set
        {
            PartNames.Require(key);
            _items[key] = value;
        }
    }

    /// <summary>Adds a module.</summary>
    /// <param name="name">Its name, without dots.</param>
    /// <param name="module">The module.</param>
    /// <exception cref="ArgumentException">The name is empty, has a dot, or is taken.</exception>
    public void Add(string name, Module module)
    {
        PartNames.Require(name);
        _items.Add(name, module);
    }

    /// <inheritdoc/>
    public bool ContainsKey(string key) => _items.ContainsKey(key);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out Module value) => _items.TryGetValue(key, out value);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, Module>> GetEnumerator() => _items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal override IReadOnlyList<(string Name, Module Module)> Added => [.. _items.Select(i => (i.Key, i.Value))];
}
