"""Stacked linear layers, with their backward passes."""

import torch
from torch import Tensor, nn

from trainer_pkg.fused.room import Room, lies_wide, room_for
from trainer_pkg.fused.stack import WIDTH

_ONE_PRODUCT = 192
"""Outputs from which on one wide product gives what a product per network gives; of fewer, sums may be split up."""


class Linear:
    """`nn.Linear`.

    Args:
        weight_nGF: The weights.
        bias_nG: The biases.
        weight_slope_nGF: Gradients of the weights.
        bias_slope_nG: Gradients of the biases.
    """

    def __init__(
        self, weight_nGF: Tensor, bias_nG: Tensor | None, weight_slope_nGF: Tensor, bias_slope_nG: Tensor | None
    ) -> None:
        self._weight_nGF, self._bias_nG = weight_nGF, bias_nG
        self._weight_slope_nGF, self._bias_slope_nG = weight_slope_nGF, bias_slope_nG
        self._inputs: Tensor | None = None
        self._outputs_room, self._slopes_room = Room(), Room()

    def forward(self, inputs_BnF: Tensor) -> Tensor:
        self._inputs = inputs_BnF
        return self._outputs(inputs_BnF, self._outputs_room)

    def evaluate(self, inputs_BnF: Tensor) -> Tensor:
        return self._outputs(inputs_BnF, None)

    def let_go(self) -> None:
        self._inputs = None
        self._outputs_room.let_go()
        self._slopes_room.let_go()

    def _outputs(self, inputs_BnF: Tensor, room: Room | None) -> Tensor:
        num, num_out, _ = self._weight_nGF.shape
        inputs_nBF = inputs_BnF.expand(num, -1, -1) if inputs_BnF.ndim == 2 else inputs_BnF.transpose(0, 1)
        outputs_BnG = room_for(inputs_BnF, num, num_out, room)
        outputs_nBG, weight_nFG = outputs_BnG.transpose(0, 1), self._weight_nGF.transpose(1, 2)
        if inputs_BnF.ndim == 2 and self._bias_nG is not None and num_out >= _ONE_PRODUCT and lies_wide(num_out):
            weight_FC = self._weight_nGF.flatten(0, 1).t()
            torch.addmm(self._bias_nG.flatten(), inputs_BnF, weight_FC, out=outputs_BnG.flatten(1))
        elif self._bias_nG is None:
            torch.bmm(inputs_nBF, weight_nFG, out=outputs_nBG)
        else:
            torch.baddbmm(self._bias_nG.unsqueeze(1), inputs_nBF, weight_nFG, out=outputs_nBG)
        return outputs_BnG

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        assert self._inputs is not None
        num, num_out, num_in = self._weight_nGF.shape
        # torch adds up columns in groups of four registers, and those left over in another order.
        if self._bias_slope_nG is not None and num_out % (4 * WIDTH) == 0:
            torch.sum(slopes_BnG, 0, out=self._bias_slope_nG)
        elif self._bias_slope_nG is not None:
            torch.sum(slopes_BnG.transpose(0, 1).contiguous(), 1, out=self._bias_slope_nG)
        if self._inputs.ndim == 2:
            slopes_CB = slopes_BnG.permute(1, 2, 0).reshape(num * num_out, -1)
            torch.mm(slopes_CB, self._inputs, out=self._weight_slope_nGF.flatten(0, 1))
        else:
            torch.bmm(slopes_BnG.permute(1, 2, 0), self._inputs.transpose(0, 1), out=self._weight_slope_nGF)
        if not wants_inputs:
            return None
        slopes_BnF = room_for(slopes_BnG, num, num_in, self._slopes_room)
        torch.bmm(slopes_BnG.transpose(0, 1), self._weight_nGF, out=slopes_BnF.transpose(0, 1))
        return slopes_BnF


class OneOutput(Linear):
    """`nn.Linear` with one output, as of a head of numbers: torch rounds it otherwise, so it is called per network."""

    def _outputs(self, inputs_BnF: Tensor, room: Room | None) -> Tensor:
        biases = [None] * len(self._weight_nGF) if self._bias_nG is None else self._bias_nG
        parts = zip(self._each(inputs_BnF), self._weight_nGF, biases, strict=True)
        return torch.stack([nn.functional.linear(*part) for part in parts], 1)

    def backward(self, slopes_BnG: Tensor, wants_inputs: bool) -> Tensor | None:
        assert self._inputs is not None
        found = []
        for position, inputs_BF in enumerate(self._each(self._inputs)):
            slopes_BG = slopes_BnG[:, position].contiguous()
            torch.mm(slopes_BG.t(), inputs_BF, out=self._weight_slope_nGF[position])
            if self._bias_slope_nG is not None:
                torch.sum(slopes_BG, 0, out=self._bias_slope_nG[position])
            if wants_inputs:
                found.append(slopes_BG.mm(self._weight_nGF[position]))
        if not wants_inputs:
            return None
        num, _, num_in = self._weight_nGF.shape
        return torch.stack(found, 1, out=room_for(slopes_BnG, num, num_in, self._slopes_room))

    def _each(self, inputs: Tensor) -> list[Tensor]:
        """The inputs of each network, (B, F), in memory as alone."""
        if inputs.ndim == 2:
            return [inputs] * len(self._weight_nGF)
        return [inputs_BF.contiguous() for inputs_BF in inputs.unbind(1)]
