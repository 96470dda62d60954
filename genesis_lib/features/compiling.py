"""Formulas compiled into the instructions that `orderbook_ext.Program` runs, for stream and batch alike."""

from __future__ import annotations

from collections.abc import Sequence

from genesis_lib.errors import InputError
from genesis_lib.features.expression import INPUTS, Formula
from orderbook_ext import Program
from orderbook_ext._layout import FLOW, OPS

CODES = {name: code for code, name in enumerate(OPS)}


def compile_program(levels: int, formulas: Sequence[Formula]) -> Program:
    """Give the program that computes formulas."""
    return Program(levels, *instructions(levels, formulas))


def instructions(
    levels: int, formulas: Sequence[Formula]
) -> tuple[list[float], list[tuple[int, tuple[int, ...], int, float]], list[int]]:
    """Order what the formulas need, each node once: constants, code and outputs of a `Program`."""
    inputs = 4 * levels + FLOW + 3
    nodes: dict[int, Formula] = {}

    def visit(node: Formula) -> None:
        if id(node) not in nodes:
            for arg in node.args:
                visit(arg)
            nodes[id(node)] = node

    for formula in formulas:
        if formula.graph.levels != levels:
            raise InputError(f"levels must be {formula.graph.levels}, as the formula was made for, got {levels}")
        visit(formula)
    ordered = list(nodes.values())
    constants = [node for node in ordered if node.op == "constant"]
    operations = [node for node in ordered if node.op in CODES]
    register = {id(node): node.span for node in ordered if node.op in INPUTS}
    register |= {id(node): inputs + k for k, node in enumerate(constants)}
    register |= {id(node): inputs + len(constants) + k for k, node in enumerate(operations)}
    code = [(CODES[n.op], tuple(register[id(arg)] for arg in n.args), n.span, n.value) for n in operations]
    return [node.value for node in constants], code, [register[id(formula)] for formula in formulas]
