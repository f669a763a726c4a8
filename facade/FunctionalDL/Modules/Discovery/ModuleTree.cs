namespace FunctionalDL.Discovery;

/// <summary>
/// Everything in a module, found anew each time: the one traversal that training, saving, printing and
/// conversion share. A part that is met again under another name (a shared layer, a cycle) keeps its first
/// path.
/// </summary>
internal sealed class ModuleTree
{
    private readonly List<(string Path, Module Module)> _modules = [];
    private readonly List<Module> _innerFirst = [];
    private readonly List<(string Path, object Cell)> _cells = [];
    private readonly Dictionary<object, string> _paths = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, string> _aliases = [];
    private readonly List<(string Place, object Part)> _hidden = [];

    private ModuleTree()
    {
    }

    /// <summary>The module itself, under the empty path, and all modules in it, outer ones first.</summary>
    public IReadOnlyList<(string Path, Module Module)> Modules => _modules;

    /// <summary>The same modules, each after those in it.</summary>
    public IReadOnlyList<Module> InnerFirst => _innerFirst;

    /// <summary>Parameters and buffers, in the order of their modules.</summary>
    public IReadOnlyList<(string Path, object Cell)> Cells => _cells;

    public IReadOnlyList<(string Path, Parameter Parameter)> Parameters => Of<Parameter>();

    public IReadOnlyList<(string Path, ModuleBuffer Buffer)> Buffers => Of<ModuleBuffer>();

    /// <summary>Further paths of shared parameters and buffers, with their first ones.</summary>
    public IReadOnlyDictionary<string, string> Aliases => _aliases;

    /// <summary>The tree of a module. Throws when a part is held where it would not be trained.</summary>
    public static ModuleTree Of(Module root)
    {
        var tree = new ModuleTree();
        tree.Visit("", root, []);
        tree.RefuseHidden(root);
        return tree;
    }

    /// <summary>The modules directly in a module, each once.</summary>
    public static IReadOnlyList<(string Name, Module Module)> DirectModules(Module module)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance) { module };

        return
        [
            .. from member in Members.Of(module).Parts
               where member.Part is Module && seen.Add(member.Part)
               select (member.Name, (Module)member.Part),
        ];
    }

    private List<(string Path, T Cell)> Of<T>() =>
        [.. _cells.Where(c => c.Cell is T).Select(c => (c.Path, (T)c.Cell))];

    private void Visit(string path, Module module, HashSet<Module> outer)
    {
        _paths[module] = path;
        _modules.Add((path, module));
        outer.Add(module);
        var members = Members.Of(module);
        _hidden.AddRange(members.Hidden);
        string At(string name) => path.Length == 0 ? name : $"{path}.{name}";

        foreach (var (name, cell) in members.Parts.Where(part => part.Part is not Module))
        {
            if (_paths.TryGetValue(cell, out var first))
            {
                _aliases[At(name)] = first;
            }
            else
            {
                _paths[cell] = At(name);
                _cells.Add((At(name), cell));
            }
        }

        foreach (var (name, part) in members.Parts)
        {
            if (part is not Module inner || outer.Contains(inner))
            {
                continue;
            }

            if (_paths.TryGetValue(inner, out var first))
            {
                AddAliases(first, At(name));
            }
            else
            {
                Visit(At(name), inner, outer);
            }
        }

        outer.Remove(module);
        _innerFirst.Add(module);
    }

    /// <summary>A module met again: its cells so far, under its new path too.</summary>
    private void AddAliases(string first, string again)
    {
        var known = _cells.Select(c => (c.Path, First: c.Path))
            .Concat(_aliases.Select(a => (Path: a.Key, First: a.Value)))
            .Where(k => k.Path.StartsWith(first + ".", StringComparison.Ordinal))
            .ToList();

        foreach (var (path, firstPath) in known)
        {
            _aliases[again + path[first.Length..]] = firstPath;
        }
    }

    private void RefuseHidden(Module root)
    {
        foreach (var (place, part) in _hidden)
        {
            // A helper may point to what is found elsewhere, or back to a module that holds this one.
            if (!_paths.ContainsKey(part) && !(part is Module module && Holds(module, root)))
            {
                throw new InvalidOperationException(
                    $"{place} holds a {part.GetType().Name} where it would be neither trained nor saved: make it a "
                    + "field, property, list, array or dictionary item of a module, or mark the field [Unregistered]");
            }
        }
    }

    private static bool Holds(Module outer, Module inner)
    {
        var seen = new HashSet<Module>();
        var pending = new Stack<Module>([outer]);

        while (pending.TryPop(out var module))
        {
            if (ReferenceEquals(module, inner))
            {
                return true;
            }

            if (seen.Add(module))
            {
                foreach (var (_, child) in DirectModules(module))
                {
                    pending.Push(child);
                }
            }
        }

        return false;
    }
}
